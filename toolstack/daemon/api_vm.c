/* api_vm.c - listing, creating and removing VMs */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "toolstack/daemon/api_answer.h"
#include "toolstack/daemon/api_methods.h"
#include "toolstack/daemon/name_rule.h"
#include "toolstack/daemon/property.h"
#include "toolstack/storage/volume.h"

static void list_one(struct text_buffer *text, const struct vm *vm)
{
    text_print(text, "%s class=%s state=%s uuid=%s\n", vm->name, vm_class_name(vm->class), vm_state_name(vm->state),
               vm->uuid);
}

void api_vm_list(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct text_buffer text = {};

    if (vm->class != VM_ADMIN)
        list_one(&text, vm);
    else
        for (const struct vm *each = api->registry->first; each; each = each->next)
            list_one(&text, each);
    answer_buffer(reply, &text);
}

void api_vm_state(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct text_buffer text = {};
    struct runtime_domain d = {};
    struct runtime *runtime = api->lifecycle->runtime;

    if (vm->state == VM_RUNNING || vm->state == VM_PAUSED)
        if (runtime->look(runtime, vm->domid, &d))
            d = (struct runtime_domain){};
    text_print(&text, "mem=%llu mem_static_max=%llu cputime=%llu power_state=%s", (unsigned long long)d.memory_kib,
               (unsigned long long)vm->memory_mib * 1024, (unsigned long long)d.cpu_time_ns / 1000000,
               vm_state_name(vm->state));
    answer_buffer(reply, &text);
}

enum { FIELD_MAX = 128 };

/* What the payload of admin.vm.Create asks for: "name=NAME label=LABEL". */
struct creation {
    char name[FIELD_MAX], label[FIELD_MAX];
};

static bool parse_payload(struct creation *c, const char *untrusted, size_t size)
{
    char text[3 * FIELD_MAX], *rest = text, *word;

    *c = (struct creation){};
    if (size >= sizeof(text) || memchr(untrusted, 0, size))
        return false;
    memcpy(text, untrusted, size);
    text[size] = 0;
    while ((word = strsep(&rest, " "))) {
        char *value = strchr(word, '=');
        if (!value || strlen(value + 1) >= FIELD_MAX)
            return false;
        *value++ = 0;
        if (!strcmp(word, "name"))
            strcpy(c->name, value);
        else if (!strcmp(word, "label"))
            strcpy(c->label, value);
        else
            return false; /* such as pool=: not known here, and not to be ignored */
    }
    return true;
}

/* The template that was asked for, or the first one there is. */
static const struct vm *choose_template(const struct registry *r, const char *name)
{
    if (*name) {
        const struct vm *vm = registry_find(r, name);
        return vm && vm->class == VM_TEMPLATE ? vm : nullptr;
    }
    for (const struct vm *vm = r->first; vm; vm = vm->next)
        if (vm->class == VM_TEMPLATE)
            return vm;
    return nullptr;
}

static int make_volumes(const struct registry *r, const struct vm *vm, const struct vm *template)
{
    char root[VOLUME_PATH_MAX], folder[VOLUME_PATH_MAX];

    snprintf(root, sizeof(root), "%s/templates/%s/root.img", r->state_dir, template->name);
    if (vm->class == VM_APP)
        return volume_create(r->state_dir, vm->uuid, PRIVATE_BYTES, nullptr);
    if (vm->class == VM_STANDALONE)
        return volume_create(r->state_dir, vm->uuid, PRIVATE_BYTES, root);

    /* A new template is a copy of another one, in a folder of its name. */
    snprintf(folder, sizeof(folder), "%s/templates/%s", r->state_dir, vm->name);
    return volume_create_template(folder, root, r->state_dir, vm->uuid, PRIVATE_BYTES);
}

static void create(struct api *api, struct vm *vm, const struct vm *template, struct api_reply *reply)
{
    struct vm *added;
    struct api_event event = {.name = "domain-add", .keys = {"vm", vm->name}};
    int rc = make_volumes(api->registry, vm, template);

    if (rc) {
        answer_errorf(reply, API_FAILED, "the volumes of '%s' cannot be made: %s.", vm->name, volume_reason(rc));
        return;
    }
    rc = registry_add(api->registry, vm, &added);
    if (rc) {
        if (volume_remove(api->registry->state_dir, vm->uuid))
            log_error("'%s': its volumes could not be removed again", vm->name);
        answer_errorf(reply, API_FAILED, "'%s' cannot be written to the database: %s.", vm->name, volume_reason(rc));
        return;
    }
    api->emit(api, &event);
    answer_ok(reply, "");
}

void api_vm_create(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct vm new = {};
    struct creation c;
    char why[PROPERTY_WHY_MAX];

    if (!vm_class_parse(call->method + strlen("admin.vm.Create."), &new.class) || new.class == VM_ADMIN) {
        answer_errorf(reply, API_BAD_VALUE,
                      "'%.64s' is not a class of VM; there are AppVM, TemplateVM and StandaloneVM.",
                      call->method + strlen("admin.vm.Create."));
        return;
    }
    if (!parse_payload(&c, call->payload, call->payload_size)) {
        answer_error(reply, API_BAD_VALUE, "a new VM takes name=NAME and label=LABEL.");
        return;
    }
    if (!name_check(c.name, why, sizeof(why)) || !label_check(c.label, why, sizeof(why))) {
        answer_error(reply, API_BAD_VALUE, why);
        return;
    }
    if (registry_find(api->registry, c.name)) {
        answer_errorf(reply, API_BAD_VALUE, "there is already a VM named '%s'.", c.name);
        return;
    }
    const struct vm *template = choose_template(api->registry, call->argument);
    if (!template) {
        if (*call->argument)
            answer_errorf(reply, API_NO_VM, "'%.64s' is not a template; see: qvm-ls --class TemplateVM",
                          call->argument);
        else
            answer_errorf(reply, API_NO_VM, "there is no template in %s/templates.", api->registry->state_dir);
        return;
    }
    uuid_make(new.uuid);
    snprintf(new.name, sizeof(new.name), "%.*s", VM_NAME_MAX, c.name);
    new.label = label_find(c.label);
    if (new.class == VM_APP)
        memcpy(new.template, template->uuid, sizeof(new.template));
    create(api, &new, template, reply);
}

void api_vm_remove(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct registry *r = api->registry;
    char uuid[UUID_TEXT_SIZE], name[VM_NAME_MAX + 1], folder[VOLUME_PATH_MAX];
    struct api_event event = {.name = "domain-delete", .keys = {"vm", name}};
    struct text_buffer users = {};
    bool is_template = vm->class == VM_TEMPLATE;

    if (vm->class == VM_ADMIN) {
        answer_error(reply, API_FAILED, "dom0 cannot be removed.");
        return;
    }
    if (vm->state != VM_HALTED) {
        answer_errorf(reply, API_NOT_HALTED, "'%s' is running; stop it first with: qvm-shutdown --wait %s", vm->name,
                      vm->name);
        return;
    }
    for (const struct vm *user = nullptr; (user = registry_user_of(r, vm, user));)
        text_print(&users, "%s'%s'", users.size ? ", " : "", user->name);
    if (users.size) {
        answer_errorf(reply, API_IN_USE, "'%s' is the template of %.*s; give them another one or remove them first.",
                      vm->name, users.size < 600 ? (int)users.size : 600, users.bytes);
        text_free(&users);
        return;
    }
    memcpy(uuid, vm->uuid, sizeof(uuid));
    memcpy(name, vm->name, sizeof(name));
    snprintf(folder, sizeof(folder), "%s/templates/%s", r->state_dir, name);
    int rc = registry_remove(r, vm);
    if (rc == 0)
        rc = volume_remove(r->state_dir, uuid);
    if (rc == 0 && is_template)
        rc = volume_remove_folder(folder);
    api->emit(api, &event);
    if (rc)
        answer_errorf(reply, API_FAILED, "'%s' could not be removed completely: %s.", name, strerror(-rc));
    else
        answer_ok(reply, "");
}
