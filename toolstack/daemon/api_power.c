/* api_power.c - starting, stopping and pausing VMs */
#include <errno.h>
#include <string.h>

#include "toolstack/daemon/api_answer.h"
#include "toolstack/daemon/api_methods.h"

static void answer_start(void *data, int rc, const char *why)
{
    struct api_reply *reply = data;

    if (rc == 0)
        answer_ok(reply, "");
    else if (rc == -EALREADY)
        answer_error(reply, "QubesVMAlreadyStartedError", why);
    else
        answer_error(reply, rc == -ENOMEM ? API_NO_MEMORY : API_FAILED, why);
}

void api_vm_start(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    lifecycle_start(api->lifecycle, vm, answer_start, reply);
}

static void answer_power(struct api_reply *reply, const struct vm *vm, int rc, const char *wanted)
{
    if (rc == 0)
        answer_ok(reply, "");
    else if (rc == -ENOTCONN && vm->class == VM_ADMIN)
        answer_errorf(reply, API_FAILED, "dom0 cannot be paused or stopped this way.");
    else if (rc == -ENOTCONN)
        answer_errorf(reply, API_NOT_RUNNING, "'%s' is not %s; its state is %s.", vm->name, wanted,
                      vm_state_name(vm->state));
    else
        answer_errorf(reply, API_FAILED, "the hypervisor refused: %s.", strerror(-rc));
}

void api_vm_shutdown(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    answer_power(reply, vm, lifecycle_shutdown(api->lifecycle, vm), "running");
}

void api_vm_kill(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    answer_power(reply, vm, lifecycle_kill(api->lifecycle, vm), "running");
}

void api_vm_pause(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    answer_power(reply, vm, lifecycle_pause(api->lifecycle, vm), "running");
}

void api_vm_unpause(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    answer_power(reply, vm, lifecycle_unpause(api->lifecycle, vm), "paused");
}
