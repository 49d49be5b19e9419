/* label.h - the colours that mark VMs */
#pragma once
#include <stddef.h>

struct label {
    const char *name;
    unsigned index;  /* from 1, as Qubes numbers them */
    const char *rgb; /* six hexadecimal digits */
};

/* nullptr if there is no such label. */
const struct label *label_find(const char *name);

/* The label at position `i` from 0 on, nullptr at the end. */
const struct label *label_at(size_t i);
