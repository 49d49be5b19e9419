/* vm_messages.h - acts on what comes from a VM through its helper */
#pragma once
#include <stddef.h>
#include "helper_wire.h"

struct vm;

/* One packet; `fd` (or -1) came with it and stays the caller's. Returns a reason (a constant) to disconnect the VM. */
[[nodiscard]] const char *vm_message(struct vm *vm, const union helper_packet *untrusted, size_t length, int fd);
