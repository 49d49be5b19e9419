/*
 * lock.h - ticket spinlocks and atomics.
 * The hypervisor runs with interrupts off except in the two places where it waits for work, so no lock needs an
 * interrupt-safe variant. A hot path holds at most one lock.
 */
#pragma once
#include <hv/types.h>

typedef struct {
    uint32_t next, owner;
} spinlock_t;
#define SPINLOCK_INIT {0, 0}

#ifdef HV_UNIT_TEST
int sched_yield(void); /* tests run CPUs as threads: one that waits for a lock must let its holder run */
#define cpu_relax() ((void)sched_yield())
#else
static inline void cpu_relax(void)
{
    __builtin_ia32_pause();
}
#endif
static inline void spin_lock(spinlock_t *l)
{
    uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
}
static inline void spin_unlock(spinlock_t *l)
{
    __atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

#define read_once(x)          __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define write_once(x, val)    __atomic_store_n(&(x), (val), __ATOMIC_RELAXED)
#define load_acquire(x)       __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define store_release(x, val) __atomic_store_n(&(x), (val), __ATOMIC_RELEASE)

/* Atomic bit operations on arrays of 64-bit words, also on memory shared with guests. */
static inline bool bit_test_and_set(uint64_t *words, size_t bit)
{
    return __atomic_fetch_or(&words[bit / 64], 1ul << (bit % 64), __ATOMIC_SEQ_CST) >> (bit % 64) & 1;
}
static inline bool bit_test_and_clear(uint64_t *words, size_t bit)
{
    return __atomic_fetch_and(&words[bit / 64], ~(1ul << (bit % 64)), __ATOMIC_SEQ_CST) >> (bit % 64) & 1;
}
static inline bool bit_test(const uint64_t *words, size_t bit)
{
    return __atomic_load_n(&words[bit / 64], __ATOMIC_RELAXED) >> (bit % 64) & 1;
}
