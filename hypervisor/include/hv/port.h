/* port.h - x86 port access, one instruction each */
#pragma once
#include <hv/types.h>

#define PORT_OPS(suffix, type)                                                                                         \
    static inline type in##suffix(uint16_t port)                                                                       \
    {                                                                                                                  \
        type v;                                                                                                        \
        __asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));                                               \
        return v;                                                                                                      \
    }                                                                                                                  \
    static inline void out##suffix(uint16_t port, type v)                                                              \
    {                                                                                                                  \
        __asm__ volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port));                                              \
    }
PORT_OPS(b, uint8_t)
PORT_OPS(w, uint16_t)
PORT_OPS(l, uint32_t)
#undef PORT_OPS
