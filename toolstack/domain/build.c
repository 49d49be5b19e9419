/* build.c - builds a PVH domain from a kernel and an initrd: memory, boot data, first vCPU; it stays paused */
#include "toolstack/domain/build.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <xen/hvm/params.h>

#include "common/log.h"
#include "common/xen/page.h"
#include "toolstack/domain/acpi.h"
#include "toolstack/domain/boot_info.h"
#include "toolstack/domain/file_view.h"
#include "toolstack/domain/guest_memory.h"
#include "toolstack/domain/kernel_image.h"
#include "toolstack/domain/layout.h"
#include "toolstack/domain/platform.h"
#include "toolstack/domain/vcpu_context.h"

enum { EVTCHN_PORTS = 4095, GRANT_FRAMES = 1024, MAPTRACK_FRAMES = 4096 };
/* dom0's tools reach the guest's two rings by these references (the first eight are reserved for that). */
enum { GRANT_CONSOLE = 0, GRANT_XENSTORE = 1 };

/* One build: what it reads, and the domain as far as it exists. */
struct build {
    struct control *c;
    const struct domain_spec *spec;
    struct file_view kernel, initrd;
    struct kernel_image image;
    struct memory_layout layout;
    uint8_t acpi[ACPI_MAX_SIZE];
    size_t acpi_size;
    uint64_t initrd_base, boot_base; /* guest-physical */
    struct built_domain domain;
    char *why;
};

[[gnu::format(printf, 3, 4)]] static int fail(struct build *b, int rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(b->why, DOMAIN_ERROR_MAX, format, args);
    va_end(args);
    return rc;
}

static unsigned long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

static uint64_t page_up(uint64_t address)
{
    return (address + XEN_PAGE - 1) & ~(uint64_t)(XEN_PAGE - 1);
}

/* Everything that can be found out before a domain exists. */
static int plan(struct build *b)
{
    const struct domain_spec *spec = b->spec;
    const char *fault = "";
    int rc = file_view_open(&b->kernel, spec->kernel);

    if (rc)
        return fail(b, rc, "the kernel %s cannot be read: %s.", spec->kernel, strerror(-rc));
    rc = kernel_image_parse(&b->image, b->kernel.bytes, b->kernel.size, &fault);
    if (rc)
        return fail(b, rc, "the kernel %s cannot be started: %s.", spec->kernel, fault);
    rc = spec->initrd ? file_view_open(&b->initrd, spec->initrd) : 0;
    if (rc)
        return fail(b, rc, "the initrd %s cannot be read: %s.", spec->initrd, strerror(-rc));
    rc = acpi_build(b->acpi, PLATFORM_ACPI_BASE, spec->vcpus);
    if (rc < 0)
        return fail(b, rc, "%u vCPUs are not possible: 1 to %d are.", spec->vcpus, PLATFORM_MAX_VCPUS);
    b->acpi_size = (size_t)rc;
    rc = layout_make(&b->layout, spec->memory_mib, b->acpi_size);
    if (rc)
        return fail(b, rc, "%llu MiB of memory are not possible: 32 to 1048576 are.",
                    (unsigned long long)spec->memory_mib);

    /* Right behind the kernel, boot data first: it has to lie below 1 GiB whatever the size of the initrd. */
    b->boot_base = page_up(b->image.end);
    b->initrd_base = b->boot_base + BOOT_INFO_SIZE;
    uint64_t needed = b->initrd_base + page_up(b->initrd.size);
    if (needed > b->layout.low_end)
        return fail(b, -ENOSPC, "kernel and initrd alone take %llu MiB, more than the %llu MiB of memory it is given.",
                    (unsigned long long)(needed >> 20) + 1, (unsigned long long)spec->memory_mib);
    return 0;
}

static int create(struct build *b)
{
    struct domain_limits limits = {.vcpus = b->spec->vcpus,
                                   .evtchn_ports = EVTCHN_PORTS,
                                   .grant_frames = GRANT_FRAMES,
                                   .maptrack_frames = MAPTRACK_FRAMES};

    memcpy(limits.uuid, b->spec->uuid, sizeof(limits.uuid));
    int rc = control_create(b->c, &limits, &b->domain.domid);
    return rc ? fail(b, rc, "the hypervisor refused to create a domain: %s.", strerror(-rc)) : 0;
}

static int populate(struct build *b)
{
    struct control *c = b->c;
    domid_t domid = b->domain.domid;
    uint64_t mib = b->spec->memory_mib;
    uint64_t low = b->layout.low_end / XEN_PAGE;
    uint64_t high = (b->layout.high_end - PLATFORM_HIGH_RAM_BASE) / XEN_PAGE;
    uint64_t acpi_pages = page_up(b->acpi_size) / XEN_PAGE;
    /* 1 MiB per vCPU and 8 KiB per MiB, as Xen's own tools reckon. */
    uint32_t pool_mib = (uint32_t)((b->spec->vcpus * 1024 + mib * 8 + 1023) / 1024);

    int rc = control_set_vcpus(c, domid, b->spec->vcpus);
    if (rc == 0)
        rc = control_set_max_memory(c, domid, (mib + 1) * 1024);
    if (rc == 0)
        rc = control_set_paging_pool(c, domid, pool_mib);
    if (rc == 0)
        rc = control_populate(c, domid, 0, low);
    if (rc == 0 && high)
        rc = control_populate(c, domid, PLATFORM_HIGH_RAM_BASE / XEN_PAGE, high);
    if (rc == 0)
        rc = control_populate(c, domid, PLATFORM_ACPI_BASE / XEN_PAGE, acpi_pages);
    if (rc == 0)
        rc = control_populate(c, domid, PLATFORM_XENSTORE_GFN, 1);
    if (rc == 0)
        rc = control_populate(c, domid, PLATFORM_CONSOLE_GFN, 1);
    if (rc == -ENOMEM)
        return fail(b, rc, "there is not enough free memory for %llu MiB.", (unsigned long long)mib);
    return rc ? fail(b, rc, "the hypervisor refused to give it memory: %s.", strerror(-rc)) : 0;
}

static int write_segment(struct build *b, struct guest_memory *m, const struct kernel_segment *s)
{
    int rc = guest_memory_write(m, s->paddr, b->kernel.bytes + s->file_offset, s->file_size);

    /* New memory may hold what its last owner left there. */
    return rc ? rc : guest_memory_zero(m, s->paddr + s->file_size, s->mem_size - s->file_size);
}

static int write_all(struct build *b, struct guest_memory *m, const uint8_t boot_page[BOOT_INFO_SIZE])
{
    int rc = guest_memory_write(m, b->boot_base, boot_page, BOOT_INFO_SIZE);

    for (size_t i = 0; rc == 0 && i < b->image.segment_count; i++)
        rc = write_segment(b, m, &b->image.segments[i]);
    if (rc == 0)
        rc = guest_memory_write(m, b->initrd_base, b->initrd.bytes, b->initrd.size);
    if (rc == 0)
        rc = guest_memory_write(m, PLATFORM_ACPI_BASE, b->acpi, page_up(b->acpi_size));
    if (rc == 0)
        rc = guest_memory_zero(m, PLATFORM_XENSTORE_GFN * XEN_PAGE, XEN_PAGE);
    if (rc == 0)
        rc = guest_memory_zero(m, PLATFORM_CONSOLE_GFN * XEN_PAGE, XEN_PAGE);
    return rc;
}

static int load(struct build *b)
{
    uint8_t page[BOOT_INFO_SIZE];
    struct guest_memory m;
    struct boot_request request = {.base = b->boot_base,
                                   .initrd_base = b->initrd_base,
                                   .initrd_size = b->initrd.size,
                                   .rsdp = PLATFORM_ACPI_BASE,
                                   .cmdline = b->spec->cmdline};
    int rc = boot_info_build(page, &request, &b->layout);

    if (rc == -E2BIG)
        return fail(b, rc, "its kernel options are longer than %d characters.", BOOT_CMDLINE_MAX);
    if (rc)
        return fail(b, rc, "the kernel %s ends above 1 GiB.", b->spec->kernel);
    rc = guest_memory_open(&m, b->c, b->domain.domid);
    if (rc == 0) {
        rc = write_all(b, &m, page);
        guest_memory_grant(&m, GRANT_CONSOLE, PLATFORM_CONSOLE_GFN);
        guest_memory_grant(&m, GRANT_XENSTORE, PLATFORM_XENSTORE_GFN);
        guest_memory_close(&m);
    }
    return rc ? fail(b, rc, "its memory cannot be written: %s.", strerror(-rc)) : 0;
}

static int connect_rings(struct build *b)
{
    struct control *c = b->c;
    domid_t domid = b->domain.domid;
    int store = control_alloc_unbound(c, domid, 0);
    int console = control_alloc_unbound(c, domid, 0);
    int rc = store < 0 ? store : console < 0 ? console : 0;

    if (rc == 0)
        rc = control_set_hvm_param(c, domid, HVM_PARAM_STORE_PFN, PLATFORM_XENSTORE_GFN);
    if (rc == 0)
        rc = control_set_hvm_param(c, domid, HVM_PARAM_STORE_EVTCHN, (uint64_t)store);
    if (rc == 0)
        rc = control_set_hvm_param(c, domid, HVM_PARAM_CONSOLE_PFN, PLATFORM_CONSOLE_GFN);
    if (rc == 0)
        rc = control_set_hvm_param(c, domid, HVM_PARAM_CONSOLE_EVTCHN, (uint64_t)console);
    b->domain.store_port = (unsigned)store;
    b->domain.console_port = (unsigned)console;
    return rc ? fail(b, rc, "its console and store rings cannot be connected: %s.", strerror(-rc)) : 0;
}

/* Xen starts guests with MTRRs off, which means uncached memory; a hypervisor without saved contexts hides MTRRs. */
static int enable_caching(struct build *b)
{
    static uint8_t saved[64 * 1024];
    uint8_t records[VCPU_CONTEXT_MAX];
    int length = control_get_context(b->c, b->domain.domid, saved, sizeof(saved));

    if (length < 0)
        return length == -ENOSYS || length == -EOPNOTSUPP ? 0 : length;
    for (unsigned i = 0; i < b->spec->vcpus; i++) {
        size_t size = vcpu_context_mtrr(records, saved, (size_t)length, i);
        int rc = size ? control_set_context(b->c, b->domain.domid, records, size) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int start_vcpu(struct build *b)
{
    uint8_t records[VCPU_CONTEXT_MAX];
    int rc = enable_caching(b);

    /* Last: each call of sethvmcontext takes down the vCPUs that it does not describe. */
    if (rc == 0)
        rc = control_set_context(b->c, b->domain.domid, records,
                                 vcpu_context_build(records, b->image.entry, (uint32_t)b->boot_base));
    return rc ? fail(b, rc, "its first vCPU cannot be set up: %s.", strerror(-rc)) : 0;
}

int domain_build(struct control *c, const struct domain_spec *spec, struct built_domain *out,
                 char why[DOMAIN_ERROR_MAX])
{
    static const struct {
        const char *name;
        int (*run)(struct build *);
    } steps[] = {{"populate", populate}, {"load", load}, {"rings", connect_rings}, {"vcpu", start_vcpu}};
    struct build b = {.c = c, .spec = spec, .why = why};

    int rc = plan(&b);
    if (rc == 0)
        rc = create(&b);
    if (rc == 0) {
        for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
            unsigned long long begun = now_ms();
            rc = steps[i].run(&b);
            log_debug("domain %u: %s took %llu ms", b.domain.domid, steps[i].name, now_ms() - begun);
        }
        if (rc)
            control_destroy(c, b.domain.domid);
    }
    file_view_close(&b.kernel);
    file_view_close(&b.initrd);
    if (rc == 0)
        *out = b.domain;
    return rc;
}
