/* kernel_choice.h - the kernels that VMs can start with: folders STATE/kernels/VERSION with vmlinux and initrd */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The newest version there is; empty if there is none. */
void kernel_newest(const char *state_dir, char *out, size_t size);

[[nodiscard]] bool kernel_exists(const char *state_dir, const char *untrusted_version);
