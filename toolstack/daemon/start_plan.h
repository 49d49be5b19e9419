/* start_plan.h - everything a start needs to know, copied, so that a thread can work from it */
#pragma once
#include "toolstack/daemon/registry.h"
#include "toolstack/daemon/runtime.h"

struct start_plan {
    uint8_t uuid[16];
    char uuid_text[UUID_TEXT_SIZE], name[VM_NAME_MAX + 1];
    char state_dir[VOLUME_PATH_MAX], root_source[VOLUME_PATH_MAX];
    char kernel[VOLUME_PATH_MAX], initrd[VOLUME_PATH_MAX], cmdline[2048];
    uint64_t memory_mib;
    unsigned vcpus;
    enum root_kind root_kind;
};

/* Returns 0, or -ENOENT and a sentence: no kernel, no template, or no root. */
[[nodiscard]] int start_plan_make(struct start_plan *plan, struct registry *r, const struct vm *vm,
                                  char why[RUNTIME_WHY_MAX]);

/* The plan as the storage and the runtime want it; both point into the plan. */
struct volume_owner start_plan_owner(const struct start_plan *plan);
struct runtime_start start_plan_request(const struct start_plan *plan, const struct volume_set *volumes);
