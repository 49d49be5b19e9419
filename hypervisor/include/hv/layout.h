/*
 * layout.h - the hypervisor's address space, the same constants on every CPU (docs/memory-map.md)
 *
 *   slot 511  image: text RX, rodata R, data RW; shared
 *   slot 510  CPU-local: struct cpu, stack between guard pages, window slots; each CPU's own
 *   slot 509  heap: HEAP_BASE + machine address, only for frames the heap owns; shared
 *   slot 508  frame table: one struct frame per machine frame, only where there is RAM; shared
 *   slot 507  pins (long-lived views of single guest pages) and device memory; shared
 *   slot 506  private state of the domain whose vCPU this CPU runs; each CPU's own entry, nothing while it idles
 *   slot 0    identity map of 4 GiB while booting; gone before the first guest runs
 * There is no direct map of RAM.
 */
#pragma once
#include <hv/types.h>

#define IMAGE_BASE   0xffffffff80000000ul
#define LOCAL_BASE   0xffffff0000000000ul
#define HEAP_BASE    0xfffffe8000000000ul
#define FRAMES_BASE  0xfffffe0000000000ul
#define PIN_BASE     0xfffffd8000000000ul
#define PRIVATE_BASE 0xfffffd0000000000ul
#define MMIO_BASE    (PIN_BASE + (1ul << 30))
#define MMIO_BYTES   (1ul << 30)

#define PIN_SLOTS 1024u

/* Pages of the CPU-local area: [0] struct cpu, [1] guard, [2..5] stack, [6] guard, [8..15] windows, [16..47] guest
 * views. */
#define LOCAL_CPU_PAGE    0
#define LOCAL_STACK_PAGE  2
#define LOCAL_STACK_PAGES 4
#define LOCAL_WINDOW_PAGE 8
#define LOCAL_WINDOWS     8
#define LOCAL_VIEW_PAGE   16
#define GUEST_VIEWS       32
#define LOCAL_STACK_TOP   (LOCAL_BASE + (LOCAL_STACK_PAGE + LOCAL_STACK_PAGES) * PAGE_SIZE)

#define PRIVATE_VCPU_PAGES 16u /* of the private slot for each vCPU */

#define MAX_PHYS_BITS 40u /* of machine RAM the tables are sized for: 1 TiB */
