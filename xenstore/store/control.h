/* control.h - commands for the administrator (CONTROL requests of domain 0) */
#pragma once
#include "store.h"

/*
 * Runs a command of NUL-separated words (`bytes` with the last NUL): help, check, stats, quota [NAME VALUE].
 * Writes text with its NUL to `out`, whose room is *out_bytes, and sets that to what was written. 0 or a positive
 * errno.
 */
int control_run(struct store *store, const char *words, size_t bytes, char *out, size_t *out_bytes);
