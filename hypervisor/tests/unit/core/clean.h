/* clean.h - is everything that has changed in a VMCB said to have changed? */
#pragma once
#include <stdio.h>
#include <string.h>
#include "../../../svm/vmcb.h"

#define CLEAN_SPAN(group, first, last)                                                                                 \
    {group, offsetof(struct vmcb, first), offsetof(struct vmcb, last) + sizeof(((struct vmcb *)0)->last)}

static const struct {
    uint32_t group;
    size_t from, to;
} clean_spans[] = {
    CLEAN_SPAN(VMCB_INTERCEPTS, cr_read, pause_count),
    CLEAN_SPAN(VMCB_INTERCEPTS, tsc_offset, tsc_offset),
    CLEAN_SPAN(VMCB_INTERCEPTS, bus_locks, bus_locks),
    CLEAN_SPAN(VMCB_MAPS, iopm_base, msrpm_base),
    CLEAN_SPAN(VMCB_ASID, asid, asid),
    CLEAN_SPAN(VMCB_VINTR, vintr, vintr),
    CLEAN_SPAN(VMCB_NESTED, nested_control, nested_control),
    CLEAN_SPAN(VMCB_NESTED, nested_cr3, nested_cr3),
    CLEAN_SPAN(VMCB_NESTED, pat, pat),
    CLEAN_SPAN(VMCB_CR, efer, efer),
    CLEAN_SPAN(VMCB_CR, cr4, cr0),
    CLEAN_SPAN(VMCB_DR, dr7, dr6),
    CLEAN_SPAN(VMCB_TABLES, gdtr, gdtr),
    CLEAN_SPAN(VMCB_TABLES, idtr, idtr),
    CLEAN_SPAN(VMCB_SEGMENTS, es, ds),
    CLEAN_SPAN(VMCB_SEGMENTS, cpl, cpl),
    CLEAN_SPAN(VMCB_CR2, cr2, cr2),
};

/* True if no field of a group that `now` calls clean differs from `before`. */
static inline bool clean_is_true(const struct vmcb *before, const struct vmcb *now)
{
    for (size_t i = 0; i < sizeof(clean_spans) / sizeof(*clean_spans); i++) {
        size_t from = clean_spans[i].from, bytes = clean_spans[i].to - from;
        if (now->clean & clean_spans[i].group && memcmp((const char *)before + from, (const char *)now + from, bytes)) {
            fprintf(stderr, "group %x has changed at %zx and is called clean\n", clean_spans[i].group, from);
            return false;
        }
    }
    return true;
}
