/* x86.h - the real one, but what only ring 0 may do goes to the fakes in core/ */
#pragma once
#define interrupt_window real_interrupt_window
#define sti_hlt_cli      real_sti_hlt_cli
#define write_cr3        real_write_cr3
#define xsetbv0          real_xsetbv0
#define cli              real_cli
#include_next <hv/x86.h>
#undef interrupt_window
#undef sti_hlt_cli
#undef write_cr3
#undef xsetbv0
#undef cli

void interrupt_window(void);
void sti_hlt_cli(void);
void write_cr3(uint64_t v);
