/* tlb.c - flushing translations of guests and of pins */
#include <hv/cpu.h>
#include <hv/frame.h>
#include <hv/iommu.h>
#include <hv/p2m.h>
#include <hv/p2m_impl.h>
#include <hv/tlb.h>
#include <hv/vcpu.h>
#include <hv/x86.h>

/* A CPU that copies from or to the domain's memory (guestview.h) is done with it soon: it waits for nobody there. */
static void wait_for_accesses(const struct domain *d)
{
    for (unsigned int i = 0; i < cpu_count; i++)
        while (__atomic_load_n(&cpus[i]->accessing, __ATOMIC_SEQ_CST) == d->p2m)
            cpu_relax();
}

void p2m_flush(struct domain *d)
{
    __atomic_add_fetch(&d->p2m->generation, 1, __ATOMIC_SEQ_CST);
    wait_for_accesses(d);
    for (unsigned int i = 0; i < cpu_count; i++) {
        struct cpu *c = cpus[i];
        struct vcpu *v = __atomic_load_n(&c->in_guest, __ATOMIC_SEQ_CST);
        if (!v || v->domain != d || i == this_cpu()->id)
            continue;
        uint64_t entries = read_once(c->guest_entries);
        cpu_send_kick(i);
        /* Out of guest mode, or already on a later entry, which looked at the generation. */
        while (__atomic_load_n(&c->in_guest, __ATOMIC_SEQ_CST) == v && read_once(c->guest_entries) == entries)
            cpu_relax();
    }
    iommu_flush(d);
}

static void flush_deferred(struct domain *d)
{
    struct cpu *c = this_cpu();
    if (!c->deferred_count)
        return;
    p2m_flush(d);
    for (unsigned int i = 0; i < c->deferred_count; i++)
        frame_put(c->deferred[i]);
    c->deferred_count = 0;
}

void p2m_batch_begin(struct domain *d)
{
    this_cpu()->batching = true;
}

void p2m_batch_end(struct domain *d)
{
    this_cpu()->batching = false;
    flush_deferred(d);
}

void p2m_release_frame(struct domain *d, mfn_t mfn)
{
    struct cpu *c = this_cpu();
    c->deferred[c->deferred_count++] = mfn;
    if (!c->batching || c->deferred_count == DEFERRED_FRAMES)
        flush_deferred(d);
}

static uint32_t pin_generation;

uint32_t tlb_pins_retire(void)
{
    uint32_t g = __atomic_add_fetch(&pin_generation, 1, __ATOMIC_SEQ_CST);
    tlb_pins_check();
    for (unsigned int i = 0; i < cpu_count; i++)
        if (read_once(cpus[i]->idle))
            cpu_send_kick(i); /* it would sleep on with the translation, and the slot could not be used again */
    return g;
}

bool tlb_pins_flushed(uint32_t generation)
{
    for (unsigned int i = 0; i < cpu_count; i++)
        if ((int32_t)(read_once(cpus[i]->flush_seen) - generation) < 0)
            return false;
    return true;
}

void tlb_pins_check(void)
{
    struct cpu *c = this_cpu();
    uint32_t g = load_acquire(pin_generation);
    if (c->flush_seen == g)
        return;
    /* Not CR3: nothing is global, but a CR3 write is what drops all. */
    write_cr3(c->root);
    store_release(c->flush_seen, g);
}
