/* caps.h - what this CPU's AMD-V can do */
#pragma once
#include <hv/types.h>

struct svm_caps {
    uint32_t asids; /* number of ASIDs, 0 is the host's */
    bool next_rip, flush_by_asid, clean_bits, pause_filter, decode_assists, bus_lock_threshold;
};
extern struct svm_caps svm_caps;
const char *svm_check(void);
bool svm_cpu_up(void);
