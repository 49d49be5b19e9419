/*
 * memory.h - a small machine for tests of mm/: RAM below MEMORY_BYTES, which the heap's window and window_map() show at
 * HEAP_BASE + address, a frame table, one CPU, and domains that frame.c finds by their id.
 */
#pragma once
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/frames_init.h>
#include <hv/heap.h>
#include <hv/p2m_impl.h>

#define MEMORY_BYTES   (64ul << 20)
#define MEMORY_GAP     (32ul << 20) /* 64 KiB here are the firmware's */
#define MEMORY_DOMAINS 3

extern struct domain memory_domain[MEMORY_DOMAINS];
extern struct cpu memory_cpu;
extern void *memory_views[GUEST_VIEWS]; /* what the kept windows show; NULL: nothing */
extern unsigned int memory_kicks;       /* sent to other CPUs */
extern unsigned int memory_flushes;     /* of all translations of this CPU */
extern void (*memory_on_kick)(unsigned int cpu);
extern void (*memory_on_free)(void); /* a frame of a domain has just been freed */

/* Everything afresh in this process: mm/ keeps static state, so each test runs in a child (memory_run()). */
void memory_setup(void);
unsigned char *memory_at(mfn_t mfn);
/* Runs the tests one by one, each in a process of its own. Returns how many failed. */
int memory_run(const char *name, void (*test)(void));
#define MEMORY_TEST(f) failed += memory_run(#f, f)

/* An assertion for them: says where and ends the test. */
#define check(cond) memory_check((cond), #cond, __FILE__, __LINE__)
void memory_check(bool good, const char *what, const char *file, int line);
