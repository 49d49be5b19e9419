/*
 * direct.h - gfns of a direct-mapped domain (dom0: gfn = mfn).
 *
 * Its RAM must come back to the same place, since devices know its addresses. So when such a domain releases a page, or
 * maps something over it, the frame stays its own: the p2m entry changes, but one reference on the frame stays behind
 * ("parked"), and populate at that gfn uses this reference for the new p2m entry. A frame is parked exactly if: its
 * owner is the direct domain, and the p2m entry at gfn = mfn is not that frame as RAM. The rule holds because every
 * change of a direct domain's p2m by hypercall happens between direct_lock() and direct_unlock(), and goes through
 * direct_park() or direct_unpark(). Other domains pay one test.
 */
#pragma once
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/p2m.h>

static inline void direct_lock(struct domain *d)
{
    if (d->is_direct)
        spin_lock(&d->control_lock);
}
static inline void direct_unlock(struct domain *d)
{
    if (d->is_direct)
        spin_unlock(&d->control_lock);
}

/* True if gfn holds the direct domain's own frame of that number. */
static inline bool direct_is_home(struct domain *d, gfn_t gfn)
{
    struct p2m_entry e = p2m_lookup(d, gfn);
    return e.type == P2M_RAM && e.mfn.v == gfn.v;
}

/* Before the p2m entry at gfn goes or is replaced: returns true if a reference was left behind (undo with frame_put if
 * the change failed). */
static inline bool direct_park(struct domain *d, gfn_t gfn)
{
    return d->is_direct && direct_is_home(d, gfn) && frame_get(MFN(gfn.v), d);
}

/* Maps a page, parking what was there. Like p2m_map(). */
[[nodiscard]] static inline int direct_map(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    bool parked = direct_park(d, gfn);
    int rc = p2m_map(d, gfn, mfn, type);
    if (rc && parked)
        frame_put(MFN(gfn.v));
    return rc;
}
/* Makes a hole, parking what was there. Like p2m_unmap(). */
[[nodiscard]] static inline int direct_unmap(struct domain *d, gfn_t gfn)
{
    bool parked = direct_park(d, gfn);
    int rc = p2m_unmap(d, gfn);
    if (rc && parked)
        frame_put(MFN(gfn.v));
    return rc;
}
/* Brings the parked frame of gfn back as RAM. Returns 0, -XEN_EINVAL if there is none, -XEN_ENOMEM. */
[[nodiscard]] static inline int direct_unpark(struct domain *d, gfn_t gfn)
{
    if (frame_owner(MFN(gfn.v)) != d->id || direct_is_home(d, gfn))
        return -XEN_EINVAL;
    return p2m_map(d, gfn, MFN(gfn.v), P2M_RAM);
}
