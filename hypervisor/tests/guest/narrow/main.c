/* main.c - a kernel that stays in 32-bit mode: every kind of hypercall without paging, with two levels, and with PAE */
#include "narrow.h"
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>

#define WINDOW  0x40000000u /* start.S */
#define VECTORS 256

struct gate {
    uint16_t low, selector, type, high;
};
extern struct gate idt[VECTORS];
extern uint32_t window_table[1024];
extern uint64_t window_table_pae[512];
extern uint8_t trap_entry[], upcall_entry[];
void paging_none(void);
void paging_two_levels(void);
void paging_pae(void);
void narrow_main(const struct hvm_start_info *info);
[[noreturn]] void unexpected_trap(const long *frame);

bool by_page;
const char *mode = "start";
static uint8_t hypercall_page[PAGE_SIZE] __aligned(4096), page[PAGE_SIZE] __aligned(4096);

long hypercall(unsigned int number, uint32_t a, uint32_t b, uint32_t c)
{
    long result = (long)number;
    uint32_t before = 0x51515151, after = before; /* ESI is not an argument: it comes back as it was */

    if (by_page)
        __asm__ volatile("call *%1"
                         : "+a"(result)
                         : "r"(hypercall_page + number * 32), "b"(a), "c"(b), "d"(c)
                         : "memory");
    else
        __asm__ volatile("vmmcall" : "+a"(result), "+S"(after) : "b"(a), "c"(b), "d"(c) : "memory");
    return after == before ? result : -9999;
}

void print(const char *text)
{
    uint32_t n = 0;

    while (text[n])
        n++;
    hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, n, ADDRESS(text));
}

static char *hex(char *to, uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[value >> shift & 15];
    *to++ = ' ';
    return to;
}

void shut_down(void)
{
    struct sched_shutdown arg = {.reason = SHUTDOWN_poweroff};

    sched_op(SCHEDOP_shutdown, &arg);
    for (;;)
        __asm__ volatile("cli; hlt");
}

static char *join(char *to, const char *text)
{
    while (*text)
        *to++ = *text++;
    return to;
}

/* One piece of text: lines of the hypervisor do not come between. */
void check_eq_at(const char *file, int line, long actual, long expected)
{
    char text[160], *at = text;

    if (actual == expected)
        return;
    at = join(join(at, "ATOLL-TEST narrow: fail (mode, file, line, is, should be): "), mode);
    at = join(join(join(at, " "), file), " ");
    at = hex(hex(hex(at, (uint32_t)line), (uint32_t)actual), (uint32_t)expected);
    join(at, "\n")[0] = '\0';
    print(text);
    shut_down();
}

/* Its error code, if it has one, EIP and CS stand in place of line and numbers. */
void unexpected_trap(const long *frame)
{
    check_eq_at("exception", (int)frame[0], frame[1], frame[2]);
    shut_down();
}

void *memset(void *dst, int c, size_t n);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);

/* The compiler calls these two. */
void *memset(void *dst, int c, size_t n)
{
    for (volatile uint8_t *d = dst; n--; d++)
        *d = (uint8_t)c;
    return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    const uint8_t *s = src;

    for (volatile uint8_t *d = dst; n--; d++, s++)
        *d = *s;
    return dst;
}

static void set_gates(void)
{
    for (unsigned int i = 0; i < VECTORS; i++) {
        uint32_t at = ADDRESS(i < 32 ? trap_entry : upcall_entry);
        idt[i] = (struct gate){(uint16_t)at, 8, 0x8e00, (uint16_t)(at >> 16)};
    }
}

static uint32_t cpuid_base(void)
{
    uint32_t a = 0x40000000, b, c, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d) : "c"(0));
    check(b == XEN_CPUID_SIGNATURE_EBX && c == XEN_CPUID_SIGNATURE_ECX && d == XEN_CPUID_SIGNATURE_EDX);
    return 0x40000000;
}

static void fill_hypercall_page(void)
{
    uint32_t a = cpuid_base() + 2, b, c, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d) : "c"(0));
    __asm__ volatile("wrmsr" : : "c"(b), "a"(ADDRESS(hypercall_page)), "d"(0) : "memory");
    check_eq(hypercall_page[0], 0xb8);
}

static void version_calls(void)
{
    struct xen_feature_info features = {};
    struct xen_platform_parameters parameters = {.virt_start = 1};
    struct {
        unsigned long words[2];
    } around = {{0x5555, 0x5555}};

    check_eq(xen_version(XENVER_version, NULL), 4 << 16 | 20);
    check_eq(xen_version(XENVER_get_features, &features), 0);
    check(features.submap & 1u << XENFEAT_auto_translated_physmap);
    check_eq(xen_version(XENVER_platform_parameters, &parameters), 0);
    check_eq(parameters.virt_start, 0);
    check_eq(xen_version(XENVER_platform_parameters, &around), 0);
    check_eq(around.words[1], 0x5555);
    check_eq(hypercall(__HYPERVISOR_mmu_update, 0, 0, 0), -XEN_ENOSYS);
    check_eq(hypercall(100, 0, 0, 0), -XEN_ENOSYS);
    check_eq(xen_version(XENVER_get_features, 0xfffffffe), -XEN_EFAULT);
}

static void all_calls(void)
{
    for (int way = 0; way < 2; way++) {
        by_page = way;
        version_calls();
        memory_calls();
        event_calls();
        grant_calls();
        time_calls();
    }
}

/* Addresses of arguments go through the page tables in force: the window is `page`, or nothing. */
static void window_calls(void)
{
    struct xen_feature_info *seen = (struct xen_feature_info *)WINDOW;

    *(struct xen_feature_info *)page = (struct xen_feature_info){};
    window_table[0] = ADDRESS(page) | 3;
    window_table_pae[0] = ADDRESS(page) | 3;
    __asm__ volatile("invlpg (%0)" : : "r"(WINDOW) : "memory");
    check_eq(xen_version(XENVER_get_features, seen), 0);
    check(seen->submap);
    check_eq(((volatile struct xen_feature_info *)page)->submap, seen->submap);
    check_eq(xen_version(XENVER_get_features, WINDOW + PAGE_SIZE), -XEN_EFAULT);
    window_table[0] = ADDRESS(page) | 1;
    window_table_pae[0] = ADDRESS(page) | 1;
    __asm__ volatile("invlpg (%0)" : : "r"(WINDOW) : "memory");
    check_eq(xen_version(XENVER_get_features, seen), -XEN_EFAULT); /* read-only */
}

void narrow_main(const struct hvm_start_info *info)
{
    static const struct {
        const char *name;
        void (*enter)(void);
    } modes[] = {{"no paging", paging_none}, {"two levels", paging_two_levels}, {"PAE", paging_pae}};

    set_gates();
    check_eq(info->magic, XEN_HVM_START_MAGIC_VALUE);
    fill_hypercall_page();
    for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
        paging_none();
        modes[i].enter();
        mode = modes[i].name;
        all_calls();
        if (modes[i].enter != paging_none)
            window_calls();
        print("narrow: ");
        print(mode);
        print("\n");
    }
    print("ATOLL-TEST narrow: pass\n");
    shut_down();
}
