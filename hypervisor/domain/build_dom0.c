/*
 * build_dom0.c - the control domain from the boot modules: kernel (ELF with a PVH note) and initrd, RAM 1:1, host ACPI
 * tables rebuilt, entered as xen-abi.md 1.3 says.
 */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/dom0_memory.h>
#include <hv/domain.h>
#include <hv/elf.h>
#include <hv/frames_init.h>
#include <hv/hostmap.h>
#include <hv/iommu.h>
#include <hv/log.h>
#include <hv/options.h>
#include <hv/p2m.h>
#include <hv/private.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/vcpu.h>
#include <hv/vioapic.h>
#include <hv/vpci.h>
#include <hv/x86.h>
#include <xen/arch-x86/hvm/start_info.h>

#define GRANT_FRAMES    1024u
#define MAPTRACK_FRAMES 4096u
#define INFO_BYTES      0x10000ul /* start_info, lists, command line */
#define ACPI_BYTES      0x10000ul
#define CMDLINE_OFFSET  0x8000ul
#define FIRST_GIB       (1ul << 30)

struct placement {
    uint64_t info, acpi, initrd; /* guest-physical = machine addresses */
    uint64_t initrd_bytes;
    uint64_t rsdp;
};

static void load_kernel(const struct elf_image *elf, const struct boot_module *m)
{
    for (unsigned int i = 0; i < elf->segments; i++) {
        const struct elf_segment *s = &elf->segment[i];
        memcpy(boot_phys(s->paddr), boot_phys(m->start + s->file_offset), s->file_bytes);
        memset(boot_phys(s->paddr + s->file_bytes), 0, s->mem_bytes - s->file_bytes);
    }
}

static void parse_kernel(struct elf_image *elf)
{
    const struct boot_module *m = &boot_info.module[0];

    if (!boot_info.modules)
        boot_fail("no dom0 kernel: give it as the first boot module, an ELF image (vmlinux)");
    const char *error = elf_parse(boot_phys(m->start), m->end - m->start, elf);
    if (error)
        boot_fail("the dom0 kernel: %s", error);
    if (!dom0_ram_holds(elf->low, elf->high))
        boot_fail("the dom0 kernel wants memory at %lx-%lx, which is not in dom0's RAM; raise dom0_mem", elf->low,
                  elf->high);
}

/* Below the kernel and below 1 GiB, where early code can see it: two blocks; the initrd at the top of the low RAM. */
static void place(struct placement *p, const struct elf_image *elf)
{
    uint64_t below = ALIGN_DOWN(MIN(elf->low, FIRST_GIB), 0x10000);

    p->info = dom0_ram_find(below, INFO_BYTES + ACPI_BYTES, elf->low, elf->high);
    if (!p->info)
        p->info = dom0_ram_find(FIRST_GIB, INFO_BYTES + ACPI_BYTES, elf->low, elf->high);
    p->acpi = p->info + INFO_BYTES;
    if (boot_info.modules > 1)
        p->initrd_bytes = boot_info.module[1].end - boot_info.module[1].start;
    p->initrd = p->initrd_bytes ? dom0_ram_find(4ul << 30, p->initrd_bytes, elf->low, elf->high) : 0;
    if (!p->info || (p->initrd_bytes && !p->initrd))
        boot_fail("dom0's memory (%lu MiB) has no room for kernel and initrd; raise dom0_mem", options.dom0_mem >> 20);
}

static void write_start_info(const struct placement *p)
{
    char *block = boot_phys(p->info);
    struct hvm_start_info *si = (struct hvm_start_info *)(void *)block;
    struct hvm_modlist_entry *mod = (struct hvm_modlist_entry *)(void *)(block + 0x100);
    struct hvm_memmap_table_entry *map = (struct hvm_memmap_table_entry *)(void *)(block + 0x1000);

    memset(block, 0, INFO_BYTES);
    memcpy(block + CMDLINE_OFFSET, boot_info.module[0].string, sizeof(boot_info.module[0].string));
    *si = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
        .cmdline_paddr = p->info + CMDLINE_OFFSET,
        .rsdp_paddr = p->rsdp,
        .memmap_paddr = p->info + 0x1000,
        .memmap_entries = dom0_memmap(map, p->acpi, ACPI_BYTES),
    };
    if (p->initrd_bytes) {
        si->nr_modules = 1;
        si->modlist_paddr = p->info + 0x100;
        mod->paddr = p->initrd;
        mod->size = p->initrd_bytes;
    }
}

static void set_registers(struct vcpu *v, const struct elf_image *elf, uint64_t start_info)
{
    struct vcpu_regs *r = vcpu_regs_write(v, REGS_CONTROL);

    vcpu_regs_write(v, REGS_SEGMENTS);
    for (int i = 0; i < NR_SEGS; i++)
        r->seg[i] = (struct segment){.attr = 0xc93, .limit = 0xffffffff};
    r->seg[SEG_CS].attr = 0xc9b;
    r->seg[SEG_TR] = (struct segment){.attr = 0x8b, .limit = 0x67};
    r->seg[SEG_LDTR] = (struct segment){.attr = 0x82};
    r->cr0 = CR0_PE | CR0_ET;
    r->cr4 = r->efer = r->cr3 = 0;
    r->rip = elf->pvh_entry;
    r->rflags = 2;
    r->gpr[RBX] = start_info;
}

static void add_devices(struct domain *d)
{
    if (vioapic_create(d))
        boot_fail("no memory for dom0's I/O APICs");
    for (unsigned int i = 0; i < machine.ioapic_count; i++) {
        const struct host_ioapic *a = &machine.ioapic[i];
        if (vioapic_add(d, a->id, a->address, a->gsi_base, a->pins))
            boot_fail("no memory for dom0's I/O APICs");
    }
    if (vpci_create_dom0(d))
        boot_fail("no memory for dom0's PCI devices");
}

void build_dom0(void)
{
    static const uint8_t handle[16];
    struct domain_limits limits = {
        .max_grant_frames = GRANT_FRAMES, .max_maptrack_frames = MAPTRACK_FRAMES, .max_ports = 4096};
    struct elf_image elf;
    struct placement p = {0};
    struct domain *d;

    limits.max_vcpus = options.dom0_max_vcpus ? MIN(options.dom0_max_vcpus, (unsigned int)MAX_VCPUS)
                                              : MIN(cpu_count, (unsigned int)MAX_VCPUS);
    parse_kernel(&elf);
    place(&p, &elf);
    if (domain_create(0, &limits, handle, true, &d))
        boot_fail("no memory for dom0");
    d->is_direct = true;
    d->max_pages = ~0ul;
    if (iommu_domain_create(d))
        boot_fail("no memory for the IOMMU's tables");
    dom0_map_ram(d);
    add_devices(d);
    load_kernel(&elf, &boot_info.module[0]);
    if (p.initrd_bytes)
        memcpy(boot_phys(p.initrd), boot_phys(boot_info.module[1].start), p.initrd_bytes);
    memset(boot_phys(p.acpi), 0, ACPI_BYTES);
    if (!acpi_build_dom0(&machine, boot_read, d->max_vcpus, p.acpi, boot_phys(p.acpi), ACPI_BYTES, &p.rsdp))
        boot_fail("dom0's ACPI tables do not fit");
    write_start_info(&p);
    struct domain *was = private_enter(d);
    set_registers(d->vcpus[0], &elf, p.info);
    private_leave(was);
    for (unsigned int i = 0; i < boot_info.modules; i++)
        frames_add(boot_info.module[i].start, ALIGN_UP(boot_info.module[i].end, PAGE_SIZE));
    dom0 = d;
    log_info("dom0: %lu MiB, %u vCPUs, kernel at %lx-%lx, entry %x", options.dom0_mem >> 20, d->max_vcpus, elf.low,
             elf.high, elf.pvh_entry);
    vcpu_online(d->vcpus[0]); /* it starts when boot_finish() unpauses it */
}
