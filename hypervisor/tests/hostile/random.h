/* random.h - numbers from a seed, and of the kinds that break things */
#pragma once
#include <hv/string.h>
#include "guest.h"

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return random_next(state) % n;
}

/* A number behind `name` on the command line ("seed=7"); `without` if it is not there. */
static inline uint64_t cmdline_number(const char *name, uint64_t without)
{
    const char *p = start_info->cmdline_paddr ? (const char *)(uintptr_t)start_info->cmdline_paddr : "";
    size_t n = strlen(name);
    uint64_t value = 0;

    while (*p && strncmp(p, name, n))
        p++;
    if (!*p)
        return without;
    for (p += n; *p >= '0' && *p <= '9'; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    return value;
}

/* Never 0, and seeds that lie together start far apart. */
static inline uint64_t random_start(uint64_t seed)
{
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15ul;

    for (unsigned int i = 0; i < 8; i++)
        random_next(&state);
    return state;
}
