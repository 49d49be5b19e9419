/* guestcopy.c - guest memory, page by page, through windows */
#include <hv/frame.h>
#include <hv/guestcopy.h>
#include <hv/p2m.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <hv/window.h>

static int copy_page(struct domain *d, gpa_t at, void *buf, size_t bytes, bool write)
{
    mfn_t mfn;

    if (p2m_get_frame(d, gpa_to_gfn(at), write, true, &mfn))
        return -XEN_EFAULT;
    char *p = window_map(mfn);
    if (write)
        memcpy(p + (at.v & PAGE_MASK), buf, bytes);
    else
        memcpy(buf, p + (at.v & PAGE_MASK), bytes);
    window_unmap(p);
    frame_put(mfn);
    return 0;
}

static int copy_gpa(struct domain *d, gpa_t at, void *buf, size_t bytes, bool write)
{
    for (size_t done = 0; done < bytes;) {
        size_t n = MIN(bytes - done, PAGE_SIZE - (at.v & PAGE_MASK));
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

static int copy_virtual(struct vcpu *v, uint64_t va, void *buf, size_t bytes, bool write)
{
    if (bytes && va + bytes - 1 < va)
        return -XEN_EFAULT;
    for (size_t done = 0; done < bytes;) {
        size_t n = MIN(bytes - done, PAGE_SIZE - (va & PAGE_MASK));
        gpa_t at;
        if (guest_translate(v, GUEST_PTR(va), write, &at) || copy_page(v->domain, at, (char *)buf + done, n, write))
            return -XEN_EFAULT;
        done += n;
        va += n;
    }
    return 0;
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
    size_t first = MIN(bytes, PAGE_SIZE - (linear & PAGE_MASK));

    if (copy_virtual(v, linear, dst, first, false))
        return 0;
    if (first == bytes || copy_virtual(v, linear + first, (char *)dst + first, bytes - first, false))
        return first;
    return bytes;
}
