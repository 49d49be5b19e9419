/* mapper.h - turns a list of grant references into something the compositor can mmap()
 *
 * Two implementations, one of which is linked: mapper_gntdev.c, and mapper_file.c for tests on one machine.
 */
#pragma once
#include <stdint.h>

/* Before privileges are given up. Returns a descriptor or a negative errno. */
[[nodiscard]] int mapper_open(uint32_t domid);

/*
 * Makes `count` pages of `domid` available read-only at *offset of the descriptor, in the order of `refs`; they are
 * mapped when somebody calls mmap(). Returns 0 or a negative errno. Undo with mapper_unmap(), after their munmap().
 */
[[nodiscard]] int mapper_map(int fd, uint32_t domid, uint32_t count, const uint32_t refs[], uint64_t *offset);
void mapper_unmap(int fd, uint64_t offset, uint32_t count);
