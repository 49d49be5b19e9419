/* boot.h - what the boot loader handed over */
#pragma once
#include <hv/machine.h>
#include <hv/types.h>

#define MAX_MODULES 4
struct boot_module {
    uint64_t start, end; /* machine addresses below 4 GiB */
    char string[2048];
};
struct boot_info {
    char cmdline[1024];
    struct boot_module module[MAX_MODULES];
    unsigned int modules;
};
extern struct boot_info boot_info;

/* Copies from machine address `from`; false if that lies beyond 4 GiB. Until the guests start. */
bool boot_read(void *dst, uint64_t from, size_t bytes);
/* Fills boot_info and machine.e820/rsdp from the information structure; NULL, or a sentence saying what is wrong. */
const char *multiboot_parse(uint32_t magic, uint32_t info);
[[noreturn]] void boot_fail(const char *sentence, ...) __printf(1, 2);
/* memmap.c: sorts the map, decides what dom0 gets, gives the rest to the allocator. */
void memmap_init(void);
extern struct e820_entry dom0_ram[];
extern unsigned int dom0_ram_count;
void build_dom0(void);
