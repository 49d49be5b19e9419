/* facts.h - what dom0 says about VMs: one JSON object a line, from atolld's socket */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { FACT_LINE_MAX = 4096 };

struct fact {
    bool started; /* else stopped */
    uint32_t domid;
    uint32_t colour; /* 0xrrggbb, of a started one */
    char name[32];
};

/* Returns false if the line is no event we know (a newer atolld may send others), or makes no sense. */
[[nodiscard]] bool fact_parse(const char *line, size_t length, struct fact *fact);
