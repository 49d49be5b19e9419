/* property.c - what can be set for a VM: names, types, defaults, rules */
#include "toolstack/daemon/property.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolstack/daemon/kernel_choice.h"
#include "toolstack/daemon/name_rule.h"

enum {
    READ_ONLY = 1,
    HALTED_ONLY = 2,
    NOT_ADMIN = 4,    /* dom0 does not have it */
    HAS_TEMPLATE = 8, /* only VMs that run on a template's root */
    NO_DEFAULT = 16,
};

struct property {
    const char *name;
    enum property_type type;
    unsigned rules;
    const char *standard; /* default; nullptr: computed */
    uint64_t min, max;    /* of integers */
};

/* In alphabetical order. */
static const struct property properties[] = {
    {"autostart", PROPERTY_BOOL, NOT_ADMIN, "False"},
    {"debug", PROPERTY_BOOL, NOT_ADMIN, "False"},
    {"default_user", PROPERTY_STR, 0, "user"},
    {"include_in_backups", PROPERTY_BOOL, 0, "True"},
    {"kernel", PROPERTY_STR, HALTED_ONLY | NOT_ADMIN, nullptr},
    {"kernelopts", PROPERTY_STR, HALTED_ONLY | NOT_ADMIN, ""},
    {"klass", PROPERTY_STR, READ_ONLY, nullptr},
    {"label", PROPERTY_LABEL, NO_DEFAULT, nullptr},
    {"maxmem", PROPERTY_INT, READ_ONLY | NOT_ADMIN, "0"}, /* 0: memory is not balanced */
    {"memory", PROPERTY_INT, HALTED_ONLY | NOT_ADMIN, "400", 64, 1048576},
    {"name", PROPERTY_STR, HALTED_ONLY | NO_DEFAULT, nullptr},
    {"netvm", PROPERTY_VM, READ_ONLY | NOT_ADMIN, ""},
    {"qid", PROPERTY_INT, READ_ONLY, nullptr},
    {"qrexec_timeout", PROPERTY_INT, NOT_ADMIN, "60", 1, 86400},
    {"shutdown_timeout", PROPERTY_INT, NOT_ADMIN, "60", 1, 86400},
    {"template", PROPERTY_VM, HALTED_ONLY | HAS_TEMPLATE | NO_DEFAULT, nullptr},
    {"uuid", PROPERTY_STR, READ_ONLY, nullptr},
    {"vcpus", PROPERTY_INT, HALTED_ONLY | NOT_ADMIN, "2", 1, 32},
    {"virt_mode", PROPERTY_STR, READ_ONLY | NOT_ADMIN, "pvh"},
    {"xid", PROPERTY_INT, READ_ONLY, nullptr},
};

static const char *const type_names[] = {"str", "int", "bool", "label", "vm"};

const struct property *property_at(size_t i)
{
    return i < sizeof(properties) / sizeof(properties[0]) ? &properties[i] : nullptr;
}

const struct property *property_find(const char *name)
{
    const struct property *p;

    for (size_t i = 0; (p = property_at(i)); i++)
        if (!strcmp(p->name, name))
            return p;
    return nullptr;
}

const char *property_name(const struct property *p)
{
    return p->name;
}

const char *property_type_name(const struct property *p)
{
    return type_names[p->type];
}

bool property_applies(const struct property *p, const struct vm *vm)
{
    if (vm->class == VM_ADMIN)
        return !(p->rules & (NOT_ADMIN | HAS_TEMPLATE));
    return !(p->rules & HAS_TEMPLATE) || vm->class == VM_APP;
}

static const char *template_name(struct registry *r, const struct vm *vm)
{
    const struct vm *template = *vm->template ? registry_find_uuid(r, vm->template) : nullptr;

    return template ? template->name : "";
}

/* Properties that live in the VM itself, or follow from it. Returns false for the others. */
static bool computed(struct registry *r, const struct vm *vm, const struct property *p, char out[VALUE_MAX])
{
    bool runs = vm->state == VM_RUNNING || vm->state == VM_PAUSED || vm->state == VM_STOPPING;

    if (!strcmp(p->name, "klass"))
        snprintf(out, VALUE_MAX, "%s", vm_class_name(vm->class));
    else if (!strcmp(p->name, "label"))
        snprintf(out, VALUE_MAX, "%s", vm->label->name);
    else if (!strcmp(p->name, "name"))
        snprintf(out, VALUE_MAX, "%s", vm->name);
    else if (!strcmp(p->name, "uuid"))
        snprintf(out, VALUE_MAX, "%s", vm->uuid);
    else if (!strcmp(p->name, "template"))
        snprintf(out, VALUE_MAX, "%s", template_name(r, vm));
    else if (!strcmp(p->name, "qid"))
        snprintf(out, VALUE_MAX, "%u", vm->qid);
    else if (!strcmp(p->name, "xid"))
        snprintf(out, VALUE_MAX, "%d", vm->class == VM_ADMIN ? 0 : runs ? (int)vm->domid : -1);
    else
        return false;
    return true;
}

int property_get(struct registry *r, const struct vm *vm, const struct property *p, char out[VALUE_MAX],
                 bool *is_default)
{
    *is_default = (p->rules & READ_ONLY) != 0;
    if (computed(r, vm, p, out))
        return 0;
    int rc = database_get(r->db, VALUE_PROPERTY, vm->uuid, p->name, out);
    if (rc != -ENOENT)
        return rc;
    *is_default = true;
    if (p->standard)
        snprintf(out, VALUE_MAX, "%s", p->standard);
    else
        kernel_newest(r->state_dir, out, VALUE_MAX);
    return 0;
}

uint64_t property_number(struct registry *r, const struct vm *vm, const char *name)
{
    char value[VALUE_MAX];
    bool is_default;

    if (property_get(r, vm, property_find(name), value, &is_default))
        return 0;
    return strtoull(value, nullptr, 10);
}

static int check_rules(const struct vm *vm, const struct property *p, char why[PROPERTY_WHY_MAX])
{
    if (p->rules & READ_ONLY || vm->class == VM_ADMIN) {
        snprintf(why, PROPERTY_WHY_MAX, "property '%s' of '%s' cannot be changed.", p->name, vm->name);
        return -EROFS;
    }
    if (p->rules & HALTED_ONLY && vm->state != VM_HALTED) {
        snprintf(why, PROPERTY_WHY_MAX,
                 "property '%s' can only be changed while '%s' is halted; stop it with: "
                 "qvm-shutdown --wait %s",
                 p->name, vm->name, vm->name);
        return -EBUSY;
    }
    return 0;
}

static int check_number(const struct property *p, const char *value, char why[PROPERTY_WHY_MAX])
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || errno || number < p->min || number > p->max) {
        snprintf(why, PROPERTY_WHY_MAX, "'%.64s' is not possible for '%s': it takes a number from %llu to %llu.", value,
                 p->name, (unsigned long long)p->min, (unsigned long long)p->max);
        return -EINVAL;
    }
    return 0;
}

/* Values are kept as True and False, whatever way they were written. */
static int normal_bool(const char **value, const struct property *p, char why[PROPERTY_WHY_MAX])
{
    static const char *const yes[] = {"True", "true", "on", "yes", "1"}, *const no[] = {"False", "false", "off",
                                                                                        "no",    "0",     ""};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!strcmp(*value, yes[i])) {
            *value = "True";
            return 0;
        }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (!strcmp(*value, no[i])) {
            *value = "False";
            return 0;
        }
    snprintf(why, PROPERTY_WHY_MAX, "'%.64s' is not possible for '%s': it takes True or False.", *value, p->name);
    return -EINVAL;
}

static int check_text(struct registry *r, const struct property *p, const char *value, char why[PROPERTY_WHY_MAX])
{
    for (const char *c = value; *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) {
            snprintf(why, PROPERTY_WHY_MAX, "'%s' takes printable ASCII characters only.", p->name);
            return -EINVAL;
        }
    }
    if (!strcmp(p->name, "kernelopts") && strlen(value) > 1500) {
        snprintf(why, PROPERTY_WHY_MAX, "'kernelopts' takes at most 1500 characters.");
        return -EINVAL;
    }
    if (!strcmp(p->name, "kernel") && !kernel_exists(r->state_dir, value)) {
        snprintf(why, PROPERTY_WHY_MAX, "there is no kernel '%.64s' in %s/kernels.", value, r->state_dir);
        return -EINVAL;
    }
    return 0;
}

static int set_name(struct registry *r, struct vm *vm, const char *value, char why[PROPERTY_WHY_MAX])
{
    struct vm changed = *vm;

    if (!name_check(value, why, PROPERTY_WHY_MAX))
        return -EINVAL;
    if (registry_find(r, value) && strcmp(value, vm->name)) {
        snprintf(why, PROPERTY_WHY_MAX, "there is already a VM named '%s'.", value);
        return -EEXIST;
    }
    if (vm->class == VM_TEMPLATE) {
        snprintf(why, PROPERTY_WHY_MAX, "a template keeps the name of the folder that holds its root.");
        return -EROFS;
    }
    snprintf(changed.name, sizeof(changed.name), "%s", value);
    int rc = database_update(r->db, &changed);
    if (rc == 0)
        *vm = changed;
    return rc;
}

static int set_label(struct registry *r, struct vm *vm, const char *value, char why[PROPERTY_WHY_MAX])
{
    struct vm changed = *vm;

    if (!(changed.label = label_find(value))) {
        label_check(value, why, PROPERTY_WHY_MAX);
        return -EINVAL;
    }
    int rc = database_update(r->db, &changed);
    if (rc == 0)
        *vm = changed;
    return rc;
}

static int set_template(struct registry *r, struct vm *vm, const char *value, char why[PROPERTY_WHY_MAX])
{
    struct vm changed = *vm;
    const struct vm *template = registry_find(r, value);

    if (!template || template->class != VM_TEMPLATE) {
        snprintf(why, PROPERTY_WHY_MAX, "'%.64s' is not a template.", value);
        return -EINVAL;
    }
    memcpy(changed.template, template->uuid, sizeof(changed.template));
    int rc = database_update(r->db, &changed);
    if (rc == 0)
        *vm = changed;
    return rc;
}

int property_set(struct registry *r, struct vm *vm, const struct property *p, const char *untrusted_value,
                 char why[PROPERTY_WHY_MAX])
{
    const char *value = untrusted_value;
    int rc = check_rules(vm, p, why);

    if (rc)
        return rc;
    if (!strcmp(p->name, "name"))
        return set_name(r, vm, value, why);
    if (!strcmp(p->name, "label"))
        return set_label(r, vm, value, why);
    if (!strcmp(p->name, "template"))
        return set_template(r, vm, value, why);
    switch (p->type) {
    case PROPERTY_INT: rc = check_number(p, value, why); break;
    case PROPERTY_BOOL: rc = normal_bool(&value, p, why); break;
    default: rc = check_text(r, p, value, why); break;
    }
    return rc ? rc : database_set(r->db, VALUE_PROPERTY, vm->uuid, p->name, value);
}

int property_reset(struct registry *r, struct vm *vm, const struct property *p, char why[PROPERTY_WHY_MAX])
{
    int rc = check_rules(vm, p, why);

    if (rc)
        return rc;
    if (p->rules & NO_DEFAULT) {
        snprintf(why, PROPERTY_WHY_MAX, "property '%s' has no default.", p->name);
        return -EINVAL;
    }
    rc = database_unset(r->db, VALUE_PROPERTY, vm->uuid, p->name);
    return rc == -ENOENT ? 0 : rc;
}
