/*
 * cpus.h - CPUs for tests of the scheduler: sched/, cpu/timer.c and vcpu/vcpu.c are the real ones, a "guest" is a
 * function of the test. The run loop below is svm/run.c's without the hardware.
 */
#pragma once
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/vcpu.h>

#define TEST_CPUS  4
#define TEST_VCPUS 8

enum guest_exit { GUEST_INTERRUPTED, GUEST_HALTS, GUEST_STAYS }; /* STAYS: some other exit, handled in no time */

extern struct cpu test_cpu[TEST_CPUS];
extern struct vcpu test_vcpu[TEST_VCPUS];
extern bool test_interrupt[TEST_VCPUS]; /* pending in its APIC */

/* The test's own. */
uint64_t test_now(void);
enum guest_exit test_guest(struct vcpu *v,
                           bool interrupt);  /* runs until it exits; `interrupt`: one was injected at the entry */
void test_hardware_timer(uint64_t deadline); /* 0: none */
void test_kick(unsigned int cpu);
void test_reset(struct vcpu *v);

void cpus_setup(unsigned int count);
void vcpu_setup(unsigned int i, struct domain *d, unsigned int cpu);
extern _Thread_local struct cpu *test_here;
