/* companions.h - the programs in dom0 that accompany each running VM: its RPC daemon */
#pragma once
#include <systemd/sd-event.h>

#include "toolstack/daemon/registry.h"

struct companions;

/* `program_dir` holds the programs; nullptr: none are started. */
[[nodiscard]] int companions_open(struct companions **out, sd_event *loop, const char *program_dir);
/* Ends them all. */
void companions_close(struct companions *c);

/* A program that ends while its VM runs is in the log, and started again after a while. */
void companions_start(struct companions *c, struct registry *r, const struct vm *vm);
void companions_stop(struct companions *c, const struct vm *vm);
