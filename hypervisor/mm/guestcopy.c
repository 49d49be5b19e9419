/* guestcopy.c - guest memory, page by page: the running domain's through views, others' through windows */
#include <hv/cpu.h>
#include <hv/frame.h>
#include <hv/guestcopy.h>
#include <hv/guestview.h>
#include <hv/p2m.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <hv/window.h>

#define SMALL 64u

typedef volatile uint64_t __attribute__((may_alias, aligned(1))) word;
typedef volatile uint32_t __attribute__((may_alias, aligned(1))) half;

/* The arguments of most hypercalls are this small. Each byte is touched once, and aligned words in one piece. */
static void copy_small(char *to, const char *from, size_t bytes)
{
    for (; bytes >= sizeof(word); bytes -= sizeof(word), to += sizeof(word), from += sizeof(word))
        *(word *)to = *(const word *)from;
    if (bytes & sizeof(half)) {
        *(half *)to = *(const half *)from;
        to += sizeof(half);
        from += sizeof(half);
    }
    for (bytes &= sizeof(half) - 1; bytes; bytes--)
        *(volatile char *)to++ = *(const volatile char *)from++;
}

/* Within one page. `page` is the guest's. */
static void move(void *page, uint64_t at, void *buf, size_t bytes, bool write)
{
    char *p = (char *)page + (at & PAGE_MASK);

    if (bytes <= SMALL)
        copy_small(write ? p : buf, write ? buf : p, bytes);
    else if (write)
        memcpy(p, buf, bytes);
    else
        memcpy(buf, p, bytes);
}

static size_t rest_of_page(uint64_t at, size_t bytes)
{
    return MIN(bytes, PAGE_SIZE - (at & PAGE_MASK));
}

static int copy_other(struct domain *d, gpa_t at, void *buf, size_t bytes, bool write)
{
    mfn_t mfn;

    if (p2m_get_frame(d, gpa_to_gfn(at), write, true, &mfn))
        return -XEN_EFAULT;
    void *page = window_map(mfn);
    move(page, at.v, buf, bytes, write);
    window_unmap(page);
    frame_put(mfn);
    return 0;
}

static int copy_own(struct domain *d, gpa_t at, void *buf, size_t bytes, bool write)
{
    guest_access_begin(d);
    void *page = guest_page(d, gpa_to_gfn(at), write);
    if (page)
        move(page, at.v, buf, bytes, write);
    guest_access_end();
    return page ? 0 : -XEN_EFAULT;
}

static int copy_gpa(struct domain *d, gpa_t at, void *buf, size_t bytes, bool write)
{
    const struct vcpu *v = this_cpu()->current;
    int (*copy_page)(struct domain *, gpa_t, void *, size_t, bool) = v && v->domain == d ? copy_own : copy_other;

    for (size_t done = 0; done < bytes;) {
        size_t n = rest_of_page(at.v, bytes - done);
        if (copy_page(d, at, (char *)buf + done, n, write))
            return -XEN_EFAULT;
        done += n;
        at.v += n;
    }
    return 0;
}

int copy_from_gpa(struct domain *d, void *dst, gpa_t src, size_t bytes)
{
    return copy_gpa(d, src, dst, bytes, false);
}

int copy_to_gpa(struct domain *d, gpa_t dst, const void *src, size_t bytes)
{
    return copy_gpa(d, dst, (void *)(uintptr_t)src, bytes, true);
}

/* Within one page of virtual addresses. */
static int copy_piece(struct vcpu *v, uint64_t va, void *buf, size_t bytes, bool write)
{
    struct domain *d = v->domain;
    void *page = NULL;
    gpa_t at;

    guest_access_begin(d);
    if (!guest_walk(v, GUEST_PTR(va), write, &at))
        page = guest_page(d, gpa_to_gfn(at), write);
    if (page)
        move(page, at.v, buf, bytes, write);
    guest_access_end();
    return page ? 0 : -XEN_EFAULT;
}

[[gnu::noinline]] static int copy_pieces(struct vcpu *v, uint64_t va, void *buf, size_t bytes, bool write)
{
    if (bytes && va + bytes - 1 < va)
        return -XEN_EFAULT;
    for (size_t done = 0; done < bytes;) {
        size_t n = rest_of_page(va, bytes - done);
        if (copy_piece(v, va, (char *)buf + done, n, write))
            return -XEN_EFAULT;
        done += n;
        va += n;
    }
    return 0;
}

static int copy_virtual(struct vcpu *v, uint64_t va, void *buf, size_t bytes, bool write)
{
    return bytes && bytes <= PAGE_SIZE - (va & PAGE_MASK) ? copy_piece(v, va, buf, bytes, write)
                                                          : copy_pieces(v, va, buf, bytes, write);
}

int copy_from_guest(struct vcpu *v, void *dst, guest_ptr_t src, size_t bytes)
{
    return copy_virtual(v, src.v, dst, bytes, false);
}

int copy_to_guest(struct vcpu *v, guest_ptr_t dst, const void *src, size_t bytes)
{
    return copy_virtual(v, dst.v, (void *)(uintptr_t)src, bytes, true);
}

size_t guest_fetch(struct vcpu *v, uint64_t linear, void *dst, size_t bytes)
{
    size_t first = rest_of_page(linear, bytes);

    if (copy_virtual(v, linear, dst, first, false))
        return 0;
    if (first == bytes || copy_virtual(v, linear + first, (char *)dst + first, bytes - first, false))
        return first;
    return bytes;
}
