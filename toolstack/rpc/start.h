/* start.h - other commands of the toolstack that the RPC tools use */
#pragma once

/*
 * Starts VM `name` if it does not run, with qvm-start, which prints what went wrong. Returns 0, or its non-zero exit
 * status.
 */
[[nodiscard]] int vm_start(const char *name);

enum vm_state {
    VM_RUNNING,
    VM_HALTED,
    VM_MISSING, /* there is none of this name */
    VM_UNKNOWN, /* qvm-check has said why */
};

/* What qvm-check says about VM `name`, which has been checked for form. */
[[nodiscard]] enum vm_state vm_query(const char *name);
