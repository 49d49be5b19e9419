/* api_clone.c - a VM as a copy of another one */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "toolstack/daemon/api_answer.h"
#include "toolstack/daemon/api_methods.h"
#include "toolstack/daemon/name_rule.h"
#include "toolstack/storage/volume.h"

static int copy_volumes(const struct registry *r, const struct vm *from, const struct vm *to)
{
    char root[VOLUME_PATH_MAX], folder[VOLUME_PATH_MAX];

    if (from->class == VM_TEMPLATE) {
        snprintf(root, sizeof(root), "%s/templates/%s/root.img", r->state_dir, from->name);
        snprintf(folder, sizeof(folder), "%s/templates/%s", r->state_dir, to->name);
        int rc = volume_create_template(folder, root, r->state_dir, to->uuid, PRIVATE_BYTES);
        return rc ? rc : volume_copy_private(r->state_dir, from->uuid, to->uuid);
    }
    volume_own_root(root, r->state_dir, from->uuid);
    int rc = volume_create(r->state_dir, to->uuid, PRIVATE_BYTES, from->class == VM_STANDALONE ? root : nullptr);
    return rc ? rc : volume_copy_private(r->state_dir, from->uuid, to->uuid);
}

/* Whether `vm` can be cloned as `name`; if not, the error was answered. */
static bool check(struct api *api, const struct vm *vm, const char *name, struct api_reply *reply)
{
    char why[320];

    if (vm->class == VM_ADMIN)
        answer_error(reply, API_FAILED, "dom0 cannot be cloned.");
    else if (vm->state != VM_HALTED)
        answer_errorf(reply, API_NOT_HALTED, "'%s' is running; stop it first with: qvm-shutdown --wait %s", vm->name,
                      vm->name);
    else if (!name_check(name, why, sizeof(why)))
        answer_error(reply, API_BAD_VALUE, why);
    else if (registry_find(api->registry, name))
        answer_errorf(reply, API_BAD_VALUE, "there is already a VM named '%s'.", name);
    else
        return true;
    return false;
}

void api_vm_clone(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct registry *r = api->registry;
    struct vm new = {.class = vm->class, .label = vm->label}, *added;
    char name[128] = "";

    if (call->payload_size < sizeof(name) && !memchr(call->payload, 0, call->payload_size))
        memcpy(name, call->payload, call->payload_size);
    if (!check(api, vm, name, reply))
        return;
    uuid_make(new.uuid);
    snprintf(new.name, sizeof(new.name), "%.*s", VM_NAME_MAX, name);
    memcpy(new.template, vm->template, sizeof(new.template));
    int rc = copy_volumes(r, vm, &new);
    if (rc == 0)
        rc = database_copy_values(r->db, vm->uuid, new.uuid);
    if (rc == 0)
        rc = registry_add(r, &new, &added);
    if (rc) {
        if (volume_remove(r->state_dir, new.uuid))
            log_error("'%s': its volumes could not be removed again", new.name);
        answer_errorf(reply, API_FAILED, "'%s' cannot be cloned: %s.", vm->name, volume_reason(rc));
        return;
    }
    api->emit(api, &(struct api_event){.name = "domain-add", .keys = {"vm", added->name}});
    answer_ok(reply, "");
}
