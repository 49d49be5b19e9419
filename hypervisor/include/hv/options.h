/* options.h - the hypervisor's command line, in Xen's spelling where the meaning is the same */
#pragma once
#include <hv/types.h>

#define UART_BAUD_MAX 115200u

struct options {
    uint64_t dom0_mem;           /* bytes; default 1 GiB */
    unsigned int dom0_max_vcpus; /* 0 = all CPUs */
    bool console_com1, console_com2;
    uint32_t com_baud;
    int log_level;
    bool noreboot;
    bool iommu;      /* wanted where there is one */
    bool selfcheck;  /* look at the page tables whenever a CPU goes to another domain: slow */
    char line[1024]; /* as given, for XENVER_commandline */
};
extern struct options options;
void options_parse(const char *line);
