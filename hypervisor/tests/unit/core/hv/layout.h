/*
 * layout.h - the hypervisor's address space as the tests of the core have it: constants that a process can map (frames
 * and heap, core/memory.c), and a local area that is one page per thread (core/cpus.c). Found before the real one.
 */
#pragma once
#include <hv/types.h>

uint64_t test_image_base(void);
#define IMAGE_BASE   test_image_base()
#define HEAP_BASE    0x210000000000ul
#define FRAMES_BASE  0x200000000000ul
#define PIN_BASE     0x220000000000ul
#define PRIVATE_BASE 0x218000000000ul
#define MMIO_BASE    (PIN_BASE + (1ul << 30))
#define MMIO_BYTES   (1ul << 30)
#define PIN_SLOTS    1024u

uint64_t test_local_base(void);
#define LOCAL_BASE        test_local_base()
#define LOCAL_WINDOW_PAGE 8
#define LOCAL_WINDOWS     8
#define LOCAL_VIEW_PAGE   16
#define GUEST_VIEWS       32

#define PRIVATE_VCPU_PAGES 16u

#define MAX_PHYS_BITS 40u
