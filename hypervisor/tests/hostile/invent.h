/* invent.h - what the two halves of the guest `invent` agree on */
#pragma once
#include <stdint.h>

/* The second domain has this memory: the image where it is linked, and single pages below 1 MiB and above. */
#define IMAGE_GFN   0x1000u
#define IMAGE_PAGES 0x80u
#define START_GFN   8u /* where STARTUP sends a CPU (AP_START) */
#define INFO_GFN    9u /* start_info and command line */
#define ARENA_GFN   0x1400u
#define ARENA_PAGES 64u /* pages that calls may be made with */
#define OTHER_VCPUS 2u
#define ARENA_REFS  64u /* grants that name arena pages */

/* What the second domain does: never returns. `seed` decides everything. */
[[noreturn]] void inventor_main(uint64_t seed);
