/* registry.h - all VMs, in memory and in the database */
#pragma once
#include "toolstack/daemon/database.h"

/* Size of a new private volume. */
#define PRIVATE_BYTES (2ull << 30)

struct registry {
    struct database *db;
    const char *state_dir; /* volumes, templates, kernels */
    struct vm *first;      /* in order of qid */
};

/* Opens the database in `state_dir`, loads the VMs and takes in templates that lie there and have no VM yet. */
[[nodiscard]] int registry_open(struct registry *r, const char *state_dir);
void registry_close(struct registry *r);

struct vm *registry_find(const struct registry *r, const char *name);
struct vm *registry_find_uuid(const struct registry *r, const char *uuid);

/* Writes the VM to the database and the list. Takes a copy; returns it in *out. */
[[nodiscard]] int registry_add(struct registry *r, const struct vm *vm, struct vm **out);
/* Takes it out of both and frees it. */
[[nodiscard]] int registry_remove(struct registry *r, struct vm *vm);

/* A VM that uses `template`, nullptr if there is none after `after` (nullptr: from the start). */
struct vm *registry_user_of(const struct registry *r, const struct vm *template, const struct vm *after);
