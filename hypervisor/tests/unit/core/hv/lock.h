/* lock.h - the real one, but a thread may lose its processor around a lock: so others get into the narrow places
 * between two of them */
#pragma once
#define spin_lock   real_spin_lock
#define spin_unlock real_spin_unlock
#include_next <hv/lock.h>
#undef spin_lock
#undef spin_unlock

void test_chance(void); /* another thread's turn, now and then; nothing where there is one thread */

static inline void spin_lock(spinlock_t *l)
{
    test_chance();
    real_spin_lock(l);
}
static inline void spin_unlock(spinlock_t *l)
{
    real_spin_unlock(l);
    test_chance();
}
