/* start_plan.c - everything a start needs to know, copied, so that a thread can work from it */
#include "toolstack/daemon/start_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "toolstack/daemon/property.h"

static int plan_root(struct start_plan *plan, struct registry *r, const struct vm *vm, char why[RUNTIME_WHY_MAX])
{
    const struct vm *source = vm;

    plan->root_kind = vm->class == VM_APP ? ROOT_OF_TEMPLATE : ROOT_OWN;
    if (vm->class == VM_APP && !(source = registry_find_uuid(r, vm->template))) {
        snprintf(why, RUNTIME_WHY_MAX, "'%s' has no template; set one with: qvm-prefs %s template NAME", vm->name,
                 vm->name);
        return -ENOENT;
    }
    if (source->class == VM_TEMPLATE)
        snprintf(plan->root_source, sizeof(plan->root_source), "%s/templates/%s/root.img", r->state_dir, source->name);
    else
        volume_own_root(plan->root_source, r->state_dir, source->uuid);
    if (access(plan->root_source, R_OK) < 0) {
        snprintf(why, RUNTIME_WHY_MAX, "the root of '%s' cannot be read: %.160s: %s.", source->name, plan->root_source,
                 strerror(errno));
        return -ENOENT;
    }
    return 0;
}

static int plan_kernel(struct start_plan *plan, struct registry *r, const struct vm *vm, char why[RUNTIME_WHY_MAX])
{
    char version[VALUE_MAX], options[VALUE_MAX];
    bool is_default;
    int rc = property_get(r, vm, property_find("kernel"), version, &is_default);

    if (rc == 0)
        rc = property_get(r, vm, property_find("kernelopts"), options, &is_default);
    if (rc || !*version) {
        snprintf(why, RUNTIME_WHY_MAX, "there is no kernel in %s/kernels to start '%s' with.", r->state_dir, vm->name);
        return -ENOENT;
    }
    snprintf(plan->kernel, sizeof(plan->kernel), "%s/kernels/%.200s/vmlinux", r->state_dir, version);
    snprintf(plan->initrd, sizeof(plan->initrd), "%s/kernels/%.200s/initrd", r->state_dir, version);
    snprintf(plan->cmdline, sizeof(plan->cmdline), "root=/dev/xvda rw console=hvc0 quiet %.1600s", options);
    return 0;
}

int start_plan_make(struct start_plan *plan, struct registry *r, const struct vm *vm, char why[RUNTIME_WHY_MAX])
{
    *plan = (struct start_plan){.memory_mib = property_number(r, vm, "memory"),
                                .vcpus = (unsigned)property_number(r, vm, "vcpus")};
    memcpy(plan->uuid_text, vm->uuid, sizeof(plan->uuid_text));
    memcpy(plan->name, vm->name, sizeof(plan->name));
    snprintf(plan->state_dir, sizeof(plan->state_dir), "%s", r->state_dir);
    if (!uuid_parse(vm->uuid, plan->uuid)) {
        snprintf(why, RUNTIME_WHY_MAX, "the identity of '%s' in the database is damaged.", vm->name);
        return -EINVAL;
    }
    /* The root first: a VM is also stopped by this plan, and then its kernel does not matter. */
    int rc = plan_root(plan, r, vm, why);
    return rc ? rc : plan_kernel(plan, r, vm, why);
}

struct volume_owner start_plan_owner(const struct start_plan *plan)
{
    return (struct volume_owner){.state_dir = plan->state_dir,
                                 .uuid = plan->uuid_text,
                                 .kind = plan->root_kind,
                                 .root_source = plan->root_source};
}

struct runtime_start start_plan_request(const struct start_plan *plan, const struct volume_set *volumes)
{
    struct runtime_start request = {.uuid_text = plan->uuid_text,
                                    .name = plan->name,
                                    .kernel = plan->kernel,
                                    .initrd = plan->initrd,
                                    .cmdline = plan->cmdline,
                                    .memory_mib = plan->memory_mib,
                                    .vcpus = plan->vcpus,
                                    .volumes = volumes};
    memcpy(request.uuid, plan->uuid, sizeof(request.uuid));
    return request;
}
