/*
 * test_boot.c - what the boot loader says: command line, information structures, memory map; and who gets which memory.
 * The machine's first 4 GiB are a sparse area of the process; each test runs in a process of its own (core/memory.h's
 * way).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <hv/boot.h>
#include <hv/frames_init.h>
#include <hv/hostmap.h>
#include <hv/layout.h>
#include <hv/log.h>
#include <hv/options.h>

struct machine machine;
static unsigned char *memory; /* machine address 0 */
static bool expect_failure;
static struct {
    uint64_t start, end;
} freed[64], early;
static unsigned int freed_count;

/* The image, loaded at 2 MiB: 1 MiB and a bit. */
__asm__(".pushsection .data\n.balign 4096\n.globl image_start\nimage_start: .skip 0x100800\n.globl "
        "image_end\nimage_end: .byte 0\n.popsection\n");
extern const char image_start[], image_end[];

uint64_t test_image_base(void)
{
    return (uint64_t)image_start - 0x200000;
}
uint64_t test_local_base(void)
{
    return 0;
}
bool boot_read(void *dst, uint64_t from, size_t bytes)
{
    if (from + bytes > 4ul << 30)
        return false;
    memcpy(dst, (void *)from, bytes);
    return true;
}
void *boot_phys(uint64_t address)
{
    return memory + address;
}
void hostmap_set_early(uint64_t start, uint64_t end)
{
    early.start = start;
    early.end = end;
}
void hostmap_init(void)
{
}
void frames_add(uint64_t start, uint64_t end)
{
    freed[freed_count].start = start;
    freed[freed_count++].end = end;
}
void boot_fail(const char *sentence, ...)
{
    if (!expect_failure)
        fprintf(stderr, "cannot start: %s\n", sentence);
    exit(expect_failure ? 0 : 1);
}
void log_at(enum log_level level, const char *fmt, ...)
{
}

#define check(cond)                                                                                                    \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                                         \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* ---- options ---- */

static void options_as_xen_spells_them(void)
{
    options_parse(
        "dom0_mem=512M,max:512M  console=com1 com1=57600,8n1 loglvl=all dom0_max_vcpus=3 noreboot iommu=off selfcheck "
        "nonsense =x");
    check(options.dom0_mem == 512ul << 20 && options.console_com1 && !options.console_com2 &&
          options.com_baud == 57600);
    check(options.log_level == LOG_DEBUG && options.dom0_max_vcpus == 3 && options.noreboot && !options.iommu &&
          options.selfcheck);
    options_parse("dom0_mem=2G console=com2,vga loglvl=error iommu=on");
    check(options.dom0_mem == 2ul << 30 && !options.console_com1 && options.console_com2 &&
          options.log_level == LOG_ERR && options.iommu);
    options_parse("dom0_mem=max:1048576 console=com1,vga");
    check(options.dom0_mem == 1ul << 30 && options.console_com1);
    options_parse("dom0_mem= dom0_mem=x");
    check(options.dom0_mem == 1ul << 30); /* no amount: as before */
    options_parse("com1=115201 dom0_max_vcpus=99999999999999999999999");
    check(options.com_baud == 115200 && options.dom0_max_vcpus); /* no divisor of 0 */
    options_parse("com1=1");
    check(options.com_baud == 115200); /* nor one of 17 bits */
    options_parse("com1=4294967297 dom0_mem=99999999999999999999G");
    check(options.com_baud == 115200 && options.dom0_mem >= 1ul << 40);
    options_parse("com2=auto dom0_mem=1G");
    check(options.com_baud == 115200);
    options_parse("xdom0_mem=5M dom0_memory=5M dom0_mem");
    check(options.dom0_mem == 1ul << 30);
}

static void a_command_line_of_any_length_is_taken(void)
{
    static char line[5000];

    memset(line, 'a', sizeof(line) - 1);
    options_parse(line);
    check(strlen(options.line) == sizeof(options.line) - 1);
    options_parse("");
    options_parse("     ");
}

/* ---- multiboot ---- */

static unsigned char *low; /* addresses below 4 GiB, as the parser reads them directly */
static uint32_t used;

static uint32_t add(const void *data, size_t bytes)
{
    uint32_t at = (uint32_t)(uint64_t)low + used;
    memcpy(low + used, data, bytes);
    used += (uint32_t)(bytes + 7) & ~7u;
    return at;
}
static uint32_t text(const char *s)
{
    return add(s, strlen(s) + 1);
}

static uint32_t multiboot1(void)
{
    struct __attribute__((packed)) {
        uint32_t size;
        uint64_t addr, len;
        uint32_t type;
    } map[] = {{20, 0, 0x9fc00, 1}, {20, 0x100000, 0x3ff00000, 1}, {20, 0xfffc0000, 0x40000, 2}};
    uint32_t mods[8] = {0x1000000,       0x2000000, text("/vmlinux root=/dev/sda1 quiet"), 0, 0x3000000, 0x3800000,
                        text("/initrd"), 0};
    uint32_t info[13] = {[0] = 1u << 2 | 1u << 3 | 1u << 6,
                         [4] = text("atoll dom0_mem=1G console=com1"),
                         [5] = 2,
                         [6] = add(mods, sizeof(mods)),
                         [11] = sizeof(map),
                         [12] = add(map, sizeof(map))};
    return add(info, sizeof(info));
}

static void multiboot_1_is_read(void)
{
    check(multiboot_parse(0x2badb002, multiboot1()) == NULL);
    check(!strcmp(boot_info.cmdline, "dom0_mem=1G console=com1") && boot_info.modules == 2);
    check(boot_info.module[0].start == 0x1000000 && boot_info.module[0].end == 0x2000000);
    check(!strcmp(boot_info.module[0].string, "root=/dev/sda1 quiet") && !strcmp(boot_info.module[1].string, ""));
    check(machine.e820_count == 3 && machine.e820[2].start == 0xfffc0000 && machine.e820[2].type == 2);
}

static void what_is_malformed_is_said(void)
{
    uint32_t at = multiboot1();
    uint32_t *info = (uint32_t *)(uint64_t)at, *size = (uint32_t *)(uint64_t)info[12];

    check(multiboot_parse(0x12345678, at) != NULL);
    *size = 0xfffffffc; /* would be the same entry for ever */
    check(multiboot_parse(0x2badb002, at) != NULL);
    *size = 20;
    info[0] &= ~(1u << 6);
    check(multiboot_parse(0x2badb002, at) != NULL);
    static const uint32_t empty_tag[] = {24, 0, 99, 0, 0, 8};
    check(multiboot_parse(0x36d76289, add(empty_tag, sizeof(empty_tag))) != NULL);
    static const uint32_t short_module[] = {32, 0, 3, 12, 0x1000, 0x2000, 0, 8};
    check(multiboot_parse(0x36d76289, add(short_module, sizeof(short_module))) != NULL);
    static const uint32_t no_entries[] = {40, 0, 6, 24, 0, 0, 0, 0, 0, 8};
    check(multiboot_parse(0x36d76289, add(no_entries, sizeof(no_entries))) != NULL);
    static const uint32_t long_tag[] = {24, 0, 99, 1000, 0, 8};
    check(multiboot_parse(0x36d76289, add(long_tag, sizeof(long_tag))) != NULL);
}

/* A string without an end: what follows is another tag's. */
static void strings_end_with_their_tag(void)
{
    static const uint32_t info[] = {40, 0, 1, 12, 0x64636261, 0, 3, 16, 0x1000, 0x2000};

    check(multiboot_parse(0x36d76289, add(info, sizeof(info))) == NULL);
    check(!strcmp(boot_info.cmdline, "abcd") && boot_info.modules == 1 && !boot_info.module[0].string[0]);
}

static void multiboot_2_is_read(void)
{
    struct __attribute__((packed)) {
        uint32_t total, reserved;
        uint32_t cmd, cmd_size;
        char line[16];
        uint32_t mod, mod_size, start, end;
        char string[16];
        uint32_t map, map_size, entry_size, version;
        struct {
            uint64_t addr, len;
            uint32_t type, zero;
        } entry[2];
        uint32_t rsdp, rsdp_size;
        char table[24];
        uint32_t end_tag, end_size;
    } info = {sizeof(info),
              0,
              1,
              8 + 14,
              "loglvl=all ab",
              3,
              16 + 12,
              0x1000000,
              0x1800000,
              "root=/dev/x",
              6,
              16 + 48,
              24,
              0,
              {{0, 0xa0000, 1, 0}, {0x100000, 0x1ff00000, 1, 0}},
              15,
              32,
              "RSD PTR ",
              0,
              8};
    uint32_t at = add(&info, sizeof(info));

    check(multiboot_parse(0x36d76289, at) == NULL);
    check(!strcmp(boot_info.cmdline, "loglvl=all ab") && boot_info.modules == 1 &&
          !strcmp(boot_info.module[0].string, "root=/dev/x"));
    check(machine.e820_count == 2 && machine.e820[1].size == 0x1ff00000);
    check(!memcmp((void *)machine.rsdp, "RSD PTR ", 8));
}

/* ---- memory ---- */

static void e820(uint64_t start, uint64_t end, uint32_t type)
{
    machine.e820[machine.e820_count++] = (struct e820_entry){start, end - start, type};
}

static bool is_ram(uint64_t at)
{
    bool ram = false;
    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (at >= machine.e820[i].start && at < machine.e820[i].start + machine.e820[i].size)
            ram = machine.e820[i].type == E820_RAM;
    return ram;
}

/* Every page has one owner at most, and all of them are RAM. */
static void check_owners(uint64_t top)
{
    unsigned char *owner = calloc(1, top >> 12);
    uint64_t dom0 = 0;

#define own(s, e)                                                                                                      \
    for (uint64_t a = (s) & ~4095ul; a < (e); a += 4096) {                                                             \
        check(is_ram(a) && !owner[a >> 12]);                                                                           \
        owner[a >> 12] = 1;                                                                                            \
    }
    own(0x200000ul, 0x200000ul + 0x100800);
    own(early.start, early.end);
    for (unsigned int i = 0; i < dom0_ram_count; i++) {
        own(dom0_ram[i].start, dom0_ram[i].start + dom0_ram[i].size);
        dom0 += dom0_ram[i].size;
    }
    for (unsigned int i = 0; i < boot_info.modules; i++)
        own(boot_info.module[i].start, boot_info.module[i].end);
    for (unsigned int i = 0; i < freed_count; i++)
        own(freed[i].start, freed[i].end);
    check(dom0 == ALIGN_DOWN(options.dom0_mem, 2ul << 20));
    free(owner);
}

static void module(uint64_t start, uint64_t end)
{
    boot_info.module[boot_info.modules++] = (struct boot_module){start, end, ""};
    for (uint64_t a = start; a < end; a += 512)
        memory[a] = (unsigned char)(a >> 9);
    memory[end - 1] = 0x5a;
}

static void check_module(unsigned int i, uint64_t was, uint64_t bytes)
{
    const struct boot_module *m = &boot_info.module[i];
    check(m->end - m->start == bytes);
    for (uint64_t k = 0; k + 512 < bytes; k += 512)
        check(memory[m->start + k] == (unsigned char)((was + k) >> 9));
    check(memory[m->end - 1] == 0x5a);
}

/* All RAM that is nobody's is free: no page beside the modules or where they came from is lost. */
static void check_nothing_is_lost(void)
{
    uint64_t ram = 0, owned = ALIGN_UP(0x100800ul, 2ul << 20) + early.end - early.start;

    for (unsigned int i = 0; i < machine.e820_count; i++)
        if (machine.e820[i].type == E820_RAM)
            ram +=
                ALIGN_DOWN(machine.e820[i].start + machine.e820[i].size, 4096) - ALIGN_UP(machine.e820[i].start, 4096);
    for (unsigned int i = 0; i < dom0_ram_count; i++)
        owned += dom0_ram[i].size;
    for (unsigned int i = 0; i < boot_info.modules; i++)
        owned += ALIGN_UP(boot_info.module[i].end - boot_info.module[i].start, 4096);
    for (unsigned int i = 0; i < freed_count; i++)
        owned += freed[i].end - freed[i].start;
    check(owned == ram);
}

static void a_usual_pc(void)
{
    e820(0, 0x9fc00, E820_RAM);
    e820(0x9fc00, 0xa0000, E820_RESERVED);
    e820(0xf0000, 0x100000, E820_RESERVED);
    e820(0x100000, 0x7ffdf000, E820_RAM);
    e820(0x7ffdf000, 0x80000000, E820_RESERVED);
    e820(0x100000000, 0x180000000, E820_RAM);
    options.dom0_mem = 512ul << 20;
    module(0x302000, 0x1c02345); /* inside what dom0 gets */
    module(0x1c03000, 0x3c03001);
    memmap_init();
    check_owners(0x180000000);
    check_module(0, 0x302000, 0x1900345);
    check_module(1, 0x1c03000, 0x2000001);
    check(dom0_ram[0].start == 0);
    check_nothing_is_lost();
}

static void modules_above_dom0_move_and_leave_their_place_free(void)
{
    e820(0, 0x9f000, E820_RAM);
    e820(0x100000, 0x40000000, E820_RAM);
    options.dom0_mem = 256ul << 20;
    module(0x3a000000, 0x3c000123);
    module(0x0ff00000, 0x10500000); /* across dom0's end */
    memmap_init();
    check_owners(0x40000000);
    check_module(0, 0x3a000000, 0x2000123);
    check_module(1, 0x0ff00000, 0x600000);
    check_nothing_is_lost();
}

/* The firmware's map does not say that the place is RAM, or two modules share one. */
static void odd_modules_free_nothing_twice(void)
{
    e820(0, 0x9f000, E820_RAM);
    e820(0x100000, 0x30000000, E820_RAM);
    e820(0x30000000, 0x31000000, E820_RESERVED);
    options.dom0_mem = 128ul << 20;
    module(0x30000000, 0x30400000);
    module(0x20000000, 0x20400000);
    module(0x20200000, 0x20600000);
    memmap_init();
    check_owners(0x40000000);
    check_nothing_is_lost();
}

static void overlaps_of_the_firmwares_map_are_never_ram(void)
{
    e820(0x100000, 0x40000000, E820_RAM);
    e820(0x10000000, 0x10010000, E820_RESERVED); /* in the middle */
    e820(0, 0xa0000, E820_RAM);
    e820(0x20000000, 0x30000000, E820_NVS); /* covers several */
    e820(0x28000000, 0x29000000, E820_RAM);
    e820(0x2a000000, 0x48000000, E820_RAM);
    e820(0x50000000, 0x50000000, E820_RAM); /* empty */
    e820(~0ul - 0xfff, 5, E820_RESERVED);   /* around the end */
    options.dom0_mem = 128ul << 20;
    memmap_init();
    check_owners(0x50000000);
    check(!is_ram(0x10000000) && !is_ram(0x28000000) && !is_ram(0x2fffffff) && is_ram(0x30000000) &&
          is_ram(0x47fff000));
    for (unsigned int i = 0; i + 1 < machine.e820_count; i++)
        check(machine.e820[i].start + machine.e820[i].size <= machine.e820[i + 1].start);
}

static void too_little_memory_is_said(void)
{
    expect_failure = true;
    e820(0, 0x10000000, E820_RAM);
    options.dom0_mem = 512ul << 20;
    memmap_init();
    exit(1);
}

static void nothing_left_for_us_is_said(void)
{
    expect_failure = true;
    e820(0, 0x10000000, E820_RAM);
    options.dom0_mem = 252ul << 20;
    memmap_init();
    exit(1);
}

static unsigned int random_state;
static unsigned int draw(unsigned int n)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 8) % n;
}

/* Random maps and modules: the owners never overlap, whatever they are. */
static void any_map_gives_every_page_one_owner(void)
{
    for (unsigned int seed = 1; seed < 150; seed++) {
        pid_t pid = fork();
        if (pid == 0) {
            random_state = seed * 7919;
            e820(0, 0xa0000, E820_RAM);
            e820(0x100000, 0x50000000 + draw(0x1000) * 4096ul, E820_RAM);
            for (unsigned int i = draw(12); i > 0; i--) {
                uint64_t start = 0x400000 + draw(0x4f000) * 4096ul + draw(2) * 0x234;
                e820(start, start + draw(0x2000) * 1000ul, 1 + draw(4));
            }
            options.dom0_mem = (100ul + draw(600)) << 20;
            uint64_t at = 0x400000;
            for (unsigned int i = 1 + draw(2); i > 0; i--) {
                uint64_t bytes = 1 + draw(40000000);
                at = (at + draw(300000000) + 4095) & ~4095ul;
                bool good = true;
                for (uint64_t a = at; a < at + bytes; a += 4096)
                    for (unsigned int k = 0; k < machine.e820_count; k++)
                        good &= machine.e820[k].type == E820_RAM || a + 4096 <= machine.e820[k].start ||
                                a >= machine.e820[k].start + machine.e820[k].size;
                if (good && at + bytes < 0x50000000)
                    module(at, at + bytes);
                at += bytes;
            }
            expect_failure = true; /* too little memory is an answer too */
            memmap_init();
            check_owners(0x60000000);
            exit(0);
        }
        int status;
        check(waitpid(pid, &status, 0) == pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status)) {
            fprintf(stderr, "seed %u\n", seed);
            exit(1);
        }
    }
}

static int run(const char *name, void (*test)(void))
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        memory = mmap(NULL, 8ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        low = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        check(memory != MAP_FAILED && low != MAP_FAILED);
        test();
        exit(0);
    }
    bool good = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("%s %s\n", good ? "ok    " : "FAILED", name);
    return !good;
}
#define RUN(f) failed += run(#f, f)

int main(void)
{
    int failed = 0;

    RUN(options_as_xen_spells_them);
    RUN(a_command_line_of_any_length_is_taken);
    RUN(multiboot_1_is_read);
    RUN(multiboot_2_is_read);
    RUN(what_is_malformed_is_said);
    RUN(strings_end_with_their_tag);
    RUN(odd_modules_free_nothing_twice);
    RUN(a_usual_pc);
    RUN(modules_above_dom0_move_and_leave_their_place_free);
    RUN(overlaps_of_the_firmwares_map_are_never_ram);
    RUN(too_little_memory_is_said);
    RUN(nothing_left_for_us_is_said);
    RUN(any_map_gives_every_page_one_owner);
    return failed != 0;
}
