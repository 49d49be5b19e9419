/* registry.c - all VMs, in memory and in the database */
#include "toolstack/daemon/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "toolstack/storage/volume.h"

enum { PATH_SIZE = 512 };

/* The control domain is in the list, but not in the database: nothing about it can be changed there. */
static struct vm dom0_vm(void)
{
    return (struct vm){.uuid = "00000000-0000-0000-0000-000000000000",
                       .name = "dom0",
                       .class = VM_ADMIN,
                       .label = label_find("black"),
                       .state = VM_RUNNING};
}

static struct vm *append(struct registry *r, const struct vm *vm)
{
    struct vm **end = &r->first;
    struct vm *copy = malloc(sizeof(*copy));

    if (!copy)
        return nullptr;
    while (*end)
        end = &(*end)->next;
    *copy = *vm;
    copy->next = nullptr;
    return *end = copy;
}

static void load_one(void *data, const struct vm *vm)
{
    if (!append(data, vm))
        log_error("out of memory while loading VMs");
}

/* A template is installed by putting its root.img into place; its VM follows by itself. */
static void adopt_templates(struct registry *r)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/templates", r->state_dir);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct vm vm = {.class = VM_TEMPLATE, .label = label_find("black")};
        snprintf(path, sizeof(path), "%s/templates/%.200s/root.img", r->state_dir, entry->d_name);
        if (!text_is_vm_name(entry->d_name) || access(path, R_OK) < 0 || registry_find(r, entry->d_name))
            continue;
        snprintf(vm.name, sizeof(vm.name), "%.31s", entry->d_name);
        uuid_make(vm.uuid);
        struct vm *added;
        int rc = volume_create(r->state_dir, vm.uuid, PRIVATE_BYTES, nullptr);
        if (rc == 0)
            rc = registry_add(r, &vm, &added);
        if (rc)
            log_error("template '%s' cannot be taken in: %s", vm.name, strerror(-rc));
        else
            log_info("template '%s' taken in", vm.name);
    }
    closedir(dir);
}

int registry_open(struct registry *r, const char *state_dir)
{
    char path[PATH_SIZE];
    const struct vm dom0 = dom0_vm();

    *r = (struct registry){.state_dir = state_dir};
    if (snprintf(path, sizeof(path), "%s/atolld.sqlite", state_dir) >= PATH_SIZE)
        return -ENAMETOOLONG;
    if (mkdir(state_dir, 0755) < 0 && errno != EEXIST)
        return -errno;
    if (!append(r, &dom0))
        return -ENOMEM;
    int rc = database_open(&r->db, path);
    if (rc == 0)
        rc = database_load(r->db, load_one, r);
    if (rc == 0)
        adopt_templates(r);
    return rc;
}

void registry_close(struct registry *r)
{
    while (r->first) {
        struct vm *vm = r->first;
        r->first = vm->next;
        free(vm);
    }
    database_close(r->db);
    r->db = nullptr;
}

struct vm *registry_find(const struct registry *r, const char *name)
{
    for (struct vm *vm = r->first; vm; vm = vm->next)
        if (!strcmp(vm->name, name))
            return vm;
    return nullptr;
}

struct vm *registry_find_uuid(const struct registry *r, const char *uuid)
{
    for (struct vm *vm = r->first; vm; vm = vm->next)
        if (!strcmp(vm->uuid, uuid))
            return vm;
    return nullptr;
}

int registry_add(struct registry *r, const struct vm *vm, struct vm **out)
{
    struct vm copy = *vm;
    int rc = database_add(r->db, &copy);

    if (rc == 0 && !(*out = append(r, &copy)))
        rc = -ENOMEM;
    return rc;
}

int registry_remove(struct registry *r, struct vm *vm)
{
    int rc = database_remove(r->db, vm->uuid);

    if (rc)
        return rc;
    for (struct vm **at = &r->first; *at; at = &(*at)->next) {
        if (*at == vm) {
            *at = vm->next;
            break;
        }
    }
    free(vm);
    return 0;
}

struct vm *registry_user_of(const struct registry *r, const struct vm *template, const struct vm *after)
{
    for (struct vm *vm = after ? after->next : r->first; vm; vm = vm->next)
        if (!strcmp(vm->template, template->uuid))
            return vm;
    return nullptr;
}
