/* start.h - other commands of the toolstack that the RPC tools use */
#pragma once

/*
 * Starts VM `name` if it does not run, with qvm-start, which prints what went wrong. Returns 0, or its non-zero exit
 * status.
 */
[[nodiscard]] int vm_start(const char *name);

/* Runs a program found in PATH with its output discarded if `quiet`. Returns its exit status, 127 if it cannot be run.
 */
[[nodiscard]] int run_program(char *const arguments[], bool quiet);
