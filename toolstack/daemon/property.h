/* property.h - what can be set for a VM: names, types, defaults, rules */
#pragma once
#include "toolstack/daemon/registry.h"

enum property_type { PROPERTY_STR, PROPERTY_INT, PROPERTY_BOOL, PROPERTY_LABEL, PROPERTY_VM };

struct property;

/* nullptr if there is none of that name. */
const struct property *property_find(const char *name);
/* The property at position `i` from 0 on, in alphabetical order; nullptr at the end. */
const struct property *property_at(size_t i);

const char *property_name(const struct property *p);
/* As the Admin API writes it: str, int, bool, label, vm. */
const char *property_type_name(const struct property *p);
/* Whether the VM's class has the property at all. */
[[nodiscard]] bool property_applies(const struct property *p, const struct vm *vm);

/* Text of the value. Returns 0 and whether it is the default, or a negative errno. */
[[nodiscard]] int property_get(struct registry *r, const struct vm *vm, const struct property *p, char out[VALUE_MAX],
                               bool *is_default);

/* An integer property's value; 0 if it cannot be read. */
uint64_t property_number(struct registry *r, const struct vm *vm, const char *name);

enum { PROPERTY_WHY_MAX = 320 };

/*
 * Checks and stores a value. Returns 0; -EROFS, -EINVAL (value), -EBUSY (only while halted), -EEXIST (name taken) with
 * a sentence in `why`; or another negative errno.
 */
[[nodiscard]] int property_set(struct registry *r, struct vm *vm, const struct property *p, const char *untrusted_value,
                               char why[PROPERTY_WHY_MAX]);
/* Back to the default; same errors. */
[[nodiscard]] int property_reset(struct registry *r, struct vm *vm, const struct property *p,
                                 char why[PROPERTY_WHY_MAX]);
