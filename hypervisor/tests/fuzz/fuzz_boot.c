/*
 * fuzz_boot.c - fuzz target: any bytes as low memory in which the loader left its information, as a command line, and
 * as the firmware's memory map. What is accepted gives every page of RAM one owner at most.
 * memmap.c is included: its state is reset for each input, and the modules it moves are only numbers here.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <hv/boot.h>
#include <hv/frames_init.h>
#include <hv/hostmap.h>
#include <hv/options.h>

static void *move(void *dst, const void *src, size_t bytes);
#define memmove move
#include "boot/memmap.c"
#undef memmove

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct machine machine;
static const uint8_t *low;
static size_t low_bytes;
static jmp_buf failed;

/* ---- the machine ---- */

__asm__(".pushsection .data\n.balign 4096\n.globl image_start\nimage_start: .skip 0x100800\n.globl "
        "image_end\nimage_end: .byte 0\n.popsection\n");

uint64_t test_image_base(void)
{
    return (uint64_t)image_start - 0x200000;
}
uint64_t test_local_base(void)
{
    return 0;
}

#define PHYS (1ul << 44) /* nothing is there: only the arithmetic counts */

void *boot_phys(uint64_t address)
{
    if (address >= 4ul << 30)
        abort();
    return (void *)(PHYS + address);
}

static void *move(void *dst, const void *src, size_t bytes)
{
    uint64_t d = (uint64_t)dst, s = (uint64_t)src;

    if (d < PHYS || d >= 2 * PHYS) {
        memmove(dst, src, bytes);
        return dst;
    }
    if (d + bytes > PHYS + (4ul << 30) || s < PHYS || s + bytes > PHYS + (4ul << 30))
        abort();
    return dst;
}

bool boot_read(void *dst, uint64_t from, size_t bytes)
{
    if (from > low_bytes || bytes > low_bytes - from)
        return false;
    memcpy(dst, low + from, bytes);
    return true;
}

void boot_fail(const char *sentence, ...)
{
    longjmp(failed, 1);
}

void log_at(enum log_level level, const char *fmt, ...)
{
}

/* ---- who owns what ---- */

static struct range owned[4 * MAX_RANGES];
static unsigned int owned_count;

static void own(uint64_t start, uint64_t end)
{
    start = ALIGN_DOWN(start, PAGE_SIZE);
    end = ALIGN_UP(end, PAGE_SIZE);
    if (end <= start)
        return;
    if (owned_count == ARRAY_SIZE(owned))
        abort();
    for (unsigned int i = 0; i < owned_count; i++)
        if (start < owned[i].end && end > owned[i].start)
            abort(); /* twice */
    for (unsigned int i = 0; i < machine.e820_count; i++) {
        const struct e820_entry *e = &machine.e820[i];
        if (start >= e->start && end <= e->start + e->size && e->type == E820_RAM) {
            owned[owned_count++] = (struct range){start, end};
            return;
        }
    }
    abort(); /* no RAM */
}

void frames_add(uint64_t start, uint64_t end)
{
    own(start, end);
}

void hostmap_set_early(uint64_t start, uint64_t end)
{
    own(start, end);
}

void hostmap_init(void)
{
}

static void share_out(void)
{
    owned_count = 0;
    memmap_init();
    for (unsigned int i = 0; i < dom0_ram_count; i++)
        own(dom0_ram[i].start, dom0_ram[i].start + dom0_ram[i].size);
    for (unsigned int i = 0; i < boot_info.modules; i++)
        if (boot_info.module[i].end > boot_info.module[i].start)
            own(boot_info.module[i].start, boot_info.module[i].end);
    for (unsigned int i = 0; i < owned_count; i++)
        if (owned[i].start < 0x300800 && owned[i].end > 0x200000)
            abort(); /* the image stays ours */
}

/* ---- inputs ---- */

static void forget(void)
{
    memset(&machine, 0, sizeof(machine));
    memset(&boot_info, 0, sizeof(boot_info));
    memset(dom0_ram, 0, sizeof(dom0_ram));
    dom0_ram_count = free_count = 0;
    options = (struct options){.dom0_mem = 128ul << 20, .com_baud = UART_BAUD_MAX};
}

static void check_options(void)
{
    unsigned int divisor = UART_BAUD_MAX / options.com_baud;

    if (divisor == 0 || divisor > UINT16_MAX || options.dom0_mem == 0 || strlen(options.line) >= sizeof(options.line))
        abort();
}

/* Pieces of a map that is worth something: pages, most of them RAM, besides what the loader said. */
static void add_map(const uint8_t *at, size_t bytes)
{
    machine.e820[machine.e820_count++] = (struct e820_entry){0x100000, 0x20000000, E820_RAM};
    for (; bytes >= 8 && machine.e820_count < MAX_E820; at += 8, bytes -= 8) {
        uint32_t start, size;
        memcpy(&start, at, 4);
        memcpy(&size, at + 4, 4);
        machine.e820[machine.e820_count++] = (struct e820_entry){
            (uint64_t)start << (start & 7), (uint64_t)size << (size & 7), 1 + (size >> 3 & 1) * (start >> 3 & 7)};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char line[1200] = {0};

    if (bytes < 8)
        return 0;
    forget();
    uint8_t kind = data[0];
    low = data + 1;
    low_bytes = bytes - 1;
    if (kind % 4 == 0) {
        memcpy(line, low, MIN(low_bytes, sizeof(line) - 1));
        options_parse(line);
        check_options();
        return 0;
    }
    if (kind % 4 == 3)
        for (unsigned int i = 0; i < 2; i++)
            boot_info.module[boot_info.modules++] = (struct boot_module){
                (uint64_t)data[1 + i] << 22, ((uint64_t)data[1 + i] << 22) + data[3 + i] * 99999ul, ""};
    else if (multiboot_parse(kind % 4 == 1 ? 0x2badb002 : 0x36d76289, 0))
        return 0;
    if (boot_info.modules > MAX_MODULES || !memchr(boot_info.cmdline, 0, sizeof(boot_info.cmdline)))
        abort();
    options_parse(boot_info.cmdline);
    check_options();
    add_map(data + 5, MIN(bytes - 5, 64ul));
    if (setjmp(failed) == 0)
        share_out();
    return 0;
}
