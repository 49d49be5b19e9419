/* listing.h - the VMs that atolld knows, with their properties */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { LISTING_NAME_MAX = 64 };

struct listed_vm {
    char name[LISTING_NAME_MAX], class[LISTING_NAME_MAX], state[LISTING_NAME_MAX], uuid[LISTING_NAME_MAX];
    char *properties; /* lines of admin.vm.property.GetAll; nullptr until they are loaded */
};

struct listing {
    struct listed_vm *vms;
    size_t count;
};

/* All VMs in alphabetical order, dom0 first. Returns false after an error was printed. */
[[nodiscard]] bool listing_load(struct listing *l);
void listing_free(struct listing *l);

/* nullptr if there is no such VM. */
struct listed_vm *listing_find(const struct listing *l, const char *name);

/* One property out of lines of property.GetAll. */
struct listed_property {
    char name[LISTING_NAME_MAX], type[16];
    bool is_default;
    char value[4096];
};

/* Cuts the next property off *lines. Returns false at the end. */
[[nodiscard]] bool listing_next_property(const char **lines, struct listed_property *out);

/* The value of a VM's property, loading them at need; nullptr if it has none of that name. In a static buffer. */
const char *listing_property(struct listed_vm *vm, const char *name);
