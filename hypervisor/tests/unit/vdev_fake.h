/*
 * vdev_fake.h - a domain with a few vCPUs, a little RAM and one page of a device, for tests of vcpu/ on the host.
 * Linear addresses are guest-physical ones unless fake_map() says otherwise. RAM is at 0, the device's page at
 * FAKE_DEVICE.
 */
#pragma once
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/vcpu.h>
#include <xen/hvm/hvm_op.h>

#define FAKE_VCPUS     4
#define FAKE_RAM_BYTES 0x20000u
#define FAKE_DEVICE    0xe0000000ul /* claimed by the fake configuration space */
#define FAKE_UNCLAIMED 0xd0000000ul
#define FAKE_GSIS      300
#define FAKE_MAPS      8

struct fake_port_log {
    uint16_t port;
    uint8_t bytes;
    bool write;
    uint32_t value;
};

struct fake {
    struct domain d;
    struct vcpu v[FAKE_VCPUS];
    struct vcpu_private private[FAKE_VCPUS];
    struct vcpu_info info[FAKE_VCPUS];
    uint8_t ram[FAKE_RAM_BYTES];
    uint8_t device[4096];
    struct {
        uint64_t linear, gpa;
        bool present, writable;
    } map[FAKE_MAPS];
    unsigned int maps;
    unsigned int cpl;

    unsigned int kicks[FAKE_VCPUS], nmis[FAKE_VCPUS], inits[FAKE_VCPUS], startups[FAKE_VCPUS];
    uint8_t startup_vector;
    int exception; /* -1: none */
    uint32_t error;
    bool killed;
    char kill_text[200];
    unsigned int skipped;
    int shutdown; /* -1: none */
    uint64_t now; /* ns */
    struct {
        unsigned int binds, masks, eois;
        bool level, active_low;
    } gsi[FAKE_GSIS];
    uint64_t pat;
    uint64_t host_msr_written[2];   /* number, value */
    struct fake_port_log ports[64]; /* what reached the machine */
    unsigned int port_count;
    uint32_t port_value;   /* what the machine's ports read as */
    uint16_t console_port; /* first of the hidden UART, 0 = none */
    char console[200];     /* what went to it, */
    domid_t console_from;  /* and from whom at last */
    unsigned int live_allocations, fail_allocations;
};
extern struct fake fake;

/* A control domain if `control`; vCPUs with LAPIC, in 64-bit mode, flat segments; everything else 0. */
void fake_setup(bool control);
void fake_teardown(void);
void fake_map(uint64_t linear, uint64_t gpa, bool present, bool writable); /* one page */
/* Puts vCPU 0 into a mode with default address size 2, 4, 8 (enum cpu_mode). */
void fake_mode(unsigned int mode);
/* Lets time go on and timers fire. */
void fake_advance(uint64_t ns);
/* The machine's CPUID: overrides one leaf (subleaf 0xffffffff: any). */
void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c, uint32_t d);
void fake_cpuid_intel(void);
