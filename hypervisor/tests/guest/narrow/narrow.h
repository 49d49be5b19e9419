/* narrow.h - what the parts of the 32-bit kernel share; its structures are those of Xen's headers for i386 */
#pragma once
#include <hv/types.h>
#include <hv/xen.h>

/* Hypercalls: by the instruction, or through the page that the hypervisor filled (once there is one). */
extern bool by_page;
long hypercall(unsigned int number, uint32_t a, uint32_t b, uint32_t c);
#define ADDRESS(p)          ((uint32_t)(uintptr_t)(p))
#define memory_op(cmd, p)   hypercall(__HYPERVISOR_memory_op, cmd, ADDRESS(p), 0)
#define evtchn_op(cmd, p)   hypercall(__HYPERVISOR_event_channel_op, cmd, ADDRESS(p), 0)
#define sched_op(cmd, p)    hypercall(__HYPERVISOR_sched_op, cmd, ADDRESS(p), 0)
#define hvm_op(cmd, p)      hypercall(__HYPERVISOR_hvm_op, cmd, ADDRESS(p), 0)
#define vcpu_op(cmd, p)     hypercall(__HYPERVISOR_vcpu_op, cmd, 0, ADDRESS(p))
#define grant_op(cmd, p, n) hypercall(__HYPERVISOR_grant_table_op, cmd, ADDRESS(p), n)
#define xen_version(cmd, p) hypercall(__HYPERVISOR_xen_version, cmd, ADDRESS(p), 0)

void print(const char *text);
[[noreturn]] void shut_down(void);
/* Fails with the place, the mode and both numbers. */
#define check_eq(actual, expected) check_eq_at(__FILE_NAME__, __LINE__, (long)(actual), (long)(expected))
void check_eq_at(const char *file, int line, long actual, long expected);
#define check(condition) check_eq(!!(condition), 1)
extern const char *mode; /* for messages */

/* calls.c: what a kernel asks for, in whatever mode it is. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);

void memory_calls(void);
void event_calls(void);
void grant_calls(void);
void time_calls(void);
