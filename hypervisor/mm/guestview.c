/* guestview.c - kept windows on pages of the domain that runs on this CPU */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/guestview.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/p2m_impl.h>
#include <hv/window.h>

/* How the domain's own kernel may use what its map says. */
enum { NO_ACCESS, READ_ONLY, READ_WRITE };
static const uint8_t rights[P2M_TYPES] = {
    [P2M_RAM] = READ_WRITE,     [P2M_RAM_RO] = READ_ONLY,   [P2M_GRANT_RW] = READ_WRITE,
    [P2M_GRANT_RO] = READ_ONLY, [P2M_FOREIGN] = READ_WRITE,
};

/* Never 0, which is no view. */
static uint64_t key_of(gfn_t gfn, bool writable)
{
    return (gfn.v + 1) << 1 | writable;
}

[[gnu::noinline]] static void change(struct cpu *c, const struct domain *d, uint64_t generation)
{
    for (; c->views_used; c->views_used &= c->views_used - 1) {
        unsigned int i = (unsigned int)__builtin_ctz(c->views_used);
        view_unmap(i);
        c->views[i] = (struct guest_view){0};
    }
    c->views_of = d->id;
    c->views_generation = generation;
}

void guest_views_keep_only(const struct domain *d)
{
    struct cpu *c = this_cpu();
    uint64_t generation = __atomic_load_n(&d->p2m->generation, __ATOMIC_SEQ_CST);

    if (c->views_of != d->id || c->views_generation != generation)
        change(c, d, generation);
}

void guest_access_begin(struct domain *d)
{
    struct cpu *c = this_cpu();

    assert_hv(!c->accessing);
    /* Against p2m_flush(), which raises the generation and then looks who accesses: one of the two sees the other. */
    __atomic_store_n(&c->accessing, d->p2m, __ATOMIC_SEQ_CST);
    guest_views_keep_only(d);
}

void guest_access_end(void)
{
    store_release(this_cpu()->accessing, NULL);
}

/* Apart, so that the usual case needs no frame. */
[[gnu::noinline]] static void *look_up(struct domain *d, gfn_t gfn, bool write, unsigned int i)
{
    struct cpu *c = this_cpu();
    struct p2m_entry e = p2m_lookup(d, gfn);
    uint8_t may = rights[e.type];

    if (may < (write ? READ_WRITE : READ_ONLY))
        return NULL;
    c->views_used |= 1u << i;
    c->views[i] = (struct guest_view){key_of(gfn, may == READ_WRITE), view_map(i, e.mfn, may == READ_WRITE)};
    return c->views[i].page;
}

void *guest_page(struct domain *d, gfn_t gfn, bool write)
{
    unsigned int i = (unsigned int)(gfn.v ^ gfn.v / GUEST_VIEWS) % GUEST_VIEWS;
    const struct guest_view *view = &this_cpu()->views[i];

    /* A writable one does for reading too. */
    if ((write ? view->key : view->key | 1) == key_of(gfn, true))
        return view->page;
    return look_up(d, gfn, write, i);
}
