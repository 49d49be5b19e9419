/* irq.h - interrupts of the hypervisor's own */
#pragma once

/* A machine vector whose interrupts call `handler`, on the CPU they come to, without locks, after the APIC's EOI. The
 * vector, or -XEN_ENOSPC. */
int irq_request(void (*handler)(void));
