/*
 * window.c - per-CPU windows on single frames, and pins.
 * Pins are seen by all CPUs: a slot that was given up is used again (and its frame reference given back) only after
 * every CPU has dropped its translations, which each does when it next leaves its loop (tlb.c: flush_seen).
 */
#include <hv/cpu.h>
#include <hv/frame.h>
#include <hv/hostmap.h>
#include <hv/layout.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/tlb.h>
#include <hv/window.h>
#include <hv/x86.h>

void *window_map(mfn_t mfn)
{
    struct cpu *c = this_cpu();
    unsigned int i = c->windows_used++;
    void *va = (void *)(LOCAL_BASE + (LOCAL_WINDOW_PAGE + i) * PAGE_SIZE);

    assert_hv(i < LOCAL_WINDOWS);
    c->window_ptes[i] = mfn.v << PAGE_SHIFT | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
    return va;
}

void window_unmap(void *va)
{
    struct cpu *c = this_cpu();
    unsigned int i = --c->windows_used;

    assert_hv((uint64_t)va >> PAGE_SHIFT == (LOCAL_BASE >> PAGE_SHIFT) + LOCAL_WINDOW_PAGE + i);
    c->window_ptes[i] = 0;
    invlpg(va);
}

/* Behind the windows in the same table. */
static uint64_t *view_pte(unsigned int i)
{
    return &this_cpu()->window_ptes[LOCAL_VIEW_PAGE - LOCAL_WINDOW_PAGE + i];
}

static void *view_address(unsigned int i)
{
    return (void *)(LOCAL_BASE + (LOCAL_VIEW_PAGE + i) * PAGE_SIZE);
}

void view_unmap(unsigned int i)
{
    *view_pte(i) = 0;
    invlpg(view_address(i));
}

void *view_map(unsigned int i, mfn_t mfn, bool writable)
{
    *view_pte(i) = mfn.v << PAGE_SHIFT | PTE_P | (writable ? PTE_W : 0) | PTE_A | PTE_D | PTE_NX;
    invlpg(view_address(i));
    return view_address(i);
}

enum pin_state { PIN_FREE, PIN_USED, PIN_LEAVING };
static struct pin {
    enum pin_state state;
    mfn_t mfn;
    uint32_t generation;
} pins[PIN_SLOTS];
static spinlock_t lock = SPINLOCK_INIT;

/* Ends the quarantine of one slot that no CPU can still have in its TLB. False if there is none. */
static bool reap_one(void)
{
    mfn_t mfn = MFN_NONE;

    spin_lock(&lock);
    for (unsigned int i = 0; i < PIN_SLOTS && mfn.v == MFN_NONE.v; i++) {
        if (pins[i].state == PIN_LEAVING && tlb_pins_flushed(pins[i].generation)) {
            pins[i].state = PIN_FREE;
            mfn = pins[i].mfn;
        }
    }
    spin_unlock(&lock);
    if (mfn.v == MFN_NONE.v)
        return false;
    frame_put(mfn); /* without the lock: the owner's last page may be the end of the owner, which comes back here */
    return true;
}

void *pin_map(mfn_t mfn)
{
    void *va = NULL;

    pins_reap();
    spin_lock(&lock);
    for (unsigned int i = 0; i < PIN_SLOTS && !va; i++) {
        if (pins[i].state != PIN_FREE)
            continue;
        pins[i].state = PIN_USED;
        pins[i].mfn = mfn;
        *hostmap_pin_pte(i) = mfn.v << PAGE_SHIFT | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
        va = (void *)(PIN_BASE + (uint64_t)i * PAGE_SIZE);
    }
    spin_unlock(&lock);
    return va;
}

void pin_unmap(void *va)
{
    if (!va)
        return;
    unsigned int i = (unsigned int)(((uint64_t)va - PIN_BASE) >> PAGE_SHIFT);
    spin_lock(&lock);
    *hostmap_pin_pte(i) = 0;
    pins[i].state = PIN_LEAVING;
    pins[i].generation = tlb_pins_retire();
    spin_unlock(&lock);
    pins_reap();
}

mfn_t pin_holds(unsigned int i)
{
    return pins[i].state == PIN_FREE ? MFN_NONE : pins[i].mfn;
}

void pins_reap(void)
{
    while (reap_one())
        ;
}
