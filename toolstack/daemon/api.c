/* api.c - which method is carried out by which function */
#include "toolstack/daemon/api.h"

#include <string.h>

#include "common/text.h"
#include "toolstack/daemon/api_answer.h"
#include "toolstack/daemon/api_methods.h"

enum { FOR_SYSTEM = 1, FOR_VM = 2, PREFIX = 4 };

static const struct {
    const char *name;
    unsigned rules; /* whom it may be sent to; PREFIX: the name continues */
    api_method *run;
} methods[] = {
    {"admin.vm.List", FOR_SYSTEM | FOR_VM, api_vm_list},
    {"admin.vm.Create.", FOR_SYSTEM | PREFIX, api_vm_create},
    {"admin.vm.Remove", FOR_VM, api_vm_remove},
    {"admin.vm.CurrentState", FOR_VM, api_vm_state},
    {"admin.vm.Start", FOR_VM, api_vm_start},
    {"admin.vm.Shutdown", FOR_VM, api_vm_shutdown},
    {"admin.vm.Kill", FOR_VM, api_vm_kill},
    {"admin.vm.Pause", FOR_VM, api_vm_pause},
    {"admin.vm.Unpause", FOR_VM, api_vm_unpause},
    {"admin.vm.property.List", FOR_VM, api_property_list},
    {"admin.vm.property.Get", FOR_VM, api_property_get},
    {"admin.vm.property.GetAll", FOR_VM, api_property_get_all},
    {"admin.vm.property.Set", FOR_VM, api_property_set},
    {"admin.vm.property.Reset", FOR_VM, api_property_reset},
    {"admin.vm.feature.List", FOR_VM, api_feature_list},
    {"admin.vm.feature.Get", FOR_VM, api_feature_get},
    {"admin.vm.feature.Set", FOR_VM, api_feature_set},
    {"admin.vm.feature.Remove", FOR_VM, api_feature_remove},
    {"atoll.vm.Clone", FOR_VM, api_vm_clone}, /* ours: Qubes' clients copy piece by piece */
    {"admin.label.List", FOR_SYSTEM, api_label_list},
    {"admin.label.Get", FOR_SYSTEM, api_label_get},
    {"admin.label.Index", FOR_SYSTEM, api_label_index},
};

static bool matches(const char *method, const char *name, unsigned rules)
{
    return rules & PREFIX ? !strncmp(method, name, strlen(name)) : !strcmp(method, name);
}

static void run(struct api *api, size_t index, const struct api_call *call, struct api_reply *reply)
{
    unsigned rules = methods[index].rules;
    bool system = !strcmp(call->destination, "dom0");
    struct vm *vm = registry_find(api->registry, call->destination);

    if (!vm)
        answer_errorf(reply, API_NO_VM, "there is no VM named '%.*s'.", VM_NAME_MAX + 1, call->destination);
    else if (!system && !(rules & FOR_VM))
        answer_errorf(reply, API_NO_METHOD, "%s is for dom0 only.", methods[index].name);
    else
        methods[index].run(api, vm, call, reply);
}

void api_handle(struct api *api, const struct api_call *call, struct api_reply *reply)
{
    if (!strcmp(call->method, "admin.Events")) {
        bool all = !strcmp(call->destination, "dom0");
        if (!all && !registry_find(api->registry, call->destination))
            answer_errorf(reply, API_NO_VM, "there is no VM named '%.*s'.", VM_NAME_MAX + 1, call->destination);
        else
            reply->subscribe(reply, all ? "" : call->destination);
        return;
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (matches(call->method, methods[i].name, methods[i].rules)) {
            run(api, i, call, reply);
            return;
        }
    }
    answer_errorf(reply, API_NO_METHOD, "there is no method %.100s.", call->method);
}
