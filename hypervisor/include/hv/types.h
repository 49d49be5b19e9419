/* types.h - numbers that must not be mixed up: frame numbers and addresses are distinct types */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (PAGE_SIZE - 1)

typedef struct {
    uint64_t v;
} gfn_t; /* guest frame number */
typedef struct {
    uint64_t v;
} mfn_t; /* machine frame number */
typedef struct {
    uint64_t v;
} gpa_t; /* guest-physical address, bytes */
typedef struct {
    uint64_t v;
} maddr_t; /* machine address, bytes */
typedef struct {
    uint64_t v;
} guest_ptr_t; /* guest-virtual address as a hypercall argument: always untrusted */

#define GFN(x)       ((gfn_t){(x)})
#define MFN(x)       ((mfn_t){(x)})
#define GPA(x)       ((gpa_t){(x)})
#define MADDR(x)     ((maddr_t){(x)})
#define GUEST_PTR(x) ((guest_ptr_t){(x)})
#define MFN_NONE     MFN(~0ul)
#define GFN_NONE     GFN(~0ul)

static inline gfn_t gpa_to_gfn(gpa_t a)
{
    return GFN(a.v >> PAGE_SHIFT);
}
static inline gpa_t gfn_to_gpa(gfn_t g)
{
    return GPA(g.v << PAGE_SHIFT);
}
static inline mfn_t maddr_to_mfn(maddr_t a)
{
    return MFN(a.v >> PAGE_SHIFT);
}
static inline maddr_t mfn_to_maddr(mfn_t m)
{
    return MADDR(m.v << PAGE_SHIFT);
}
static inline guest_ptr_t guest_ptr_add(guest_ptr_t p, uint64_t bytes)
{
    return GUEST_PTR(p.v + bytes);
}

#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define BIT(n)                        (1ul << (n))
#define ALIGN_UP(x, a)                (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a)              ((x) & ~((__typeof__(x))(a) - 1))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define __packed                      __attribute__((packed))
#define __aligned(n)                  __attribute__((aligned(n)))
#define __printf(f, a)                __attribute__((format(printf, f, a)))

/* Clamps a guest-given index for speculation too: returns `index` if index < bound, else 0. The caller has already
 * refused index >= bound. */
static inline size_t index_nospec(size_t index, size_t bound)
{
    size_t mask;
    __asm__("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "r"(bound) : "cc");
    return index & mask;
}
