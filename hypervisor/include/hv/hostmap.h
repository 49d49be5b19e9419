/* hostmap.h - building the hypervisor's own page tables (mm/hostmap.c) */
#pragma once
#include <hv/types.h>

#define PTE_P    BIT(0)
#define PTE_W    BIT(1)
#define PTE_U    BIT(2)
#define PTE_PWT  BIT(3)
#define PTE_PCD  BIT(4)
#define PTE_A    BIT(5)
#define PTE_D    BIT(6)
#define PTE_PS   BIT(7)
#define PTE_NX   BIT(63)
#define PTE_ADDR 0x000ffffffffff000ul

/* Boot: takes early memory from [*base, ...) growing up; makes the shared tables and switches the boot CPU to its own
 * root. */
void hostmap_init(void);
/* A CPU's own root and local area; returns its heap alias. NULL: memory short. */
struct cpu *hostmap_new_cpu(unsigned int id);
/* Gives up the boot identity map on this CPU. */
void hostmap_drop_identity(void);
/* True while the identity map of the first 4 GiB is there. */
void *boot_phys(uint64_t address);
/* Maps [mfn, +pages) at a heap address, 2 MiB at a time. */
void hostmap_heap_chunk(uint64_t machine_address, uint64_t bytes);
extern uint64_t hostmap_shared_pml4[512]; /* slots 507..509, 511 */
void hostmap_set_early(uint64_t start,
                       uint64_t end); /* boot: memory below 4 GiB, 2 MiB aligned, for tables and the first heap */
void early_holes_add(uint64_t start, uint64_t end);
uint64_t *hostmap_pin_pte(unsigned int pin);    /* the page table entry of a pin slot */
bool hostmap_is_ours(uint64_t machine_address); /* in the early memory or a heap chunk */
