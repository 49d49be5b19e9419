/* vendor.h - what the common layer needs of a CPU vendor; one table, chosen at boot, never on a hot path */
#pragma once
#include <hv/types.h>

struct vcpu;
struct domain;
struct cpu;

struct hvm_vendor {
    const char *name;
    const char *(*check)(void); /* NULL, or a sentence that says what this CPU lacks */
    bool (*cpu_up)(void);       /* on the CPU itself */
    int (*vcpu_create)(struct vcpu *v);
    void (*vcpu_destroy)(struct vcpu *v);
    void (*vcpu_reset)(struct vcpu *v); /* the registers and the vendor's state as after INIT */
    void (*run)(struct vcpu *v);        /* enters the guest until the scheduler is wanted */
    void (*save)(struct vcpu *v);       /* hidden state off the CPU */
    void (*fetch)(struct vcpu *v, unsigned int group);
    void (*clear_shadow)(struct vcpu *v); /* the instruction after STI or MOV SS has been executed */
    void (*inject_exception)(struct vcpu *v, unsigned int vector, bool has_error, uint32_t error);
    int (*domain_create)(struct domain *d);
    void (*domain_destroy)(struct domain *d);
};
extern const struct hvm_vendor svm_vendor;
extern const struct hvm_vendor *vendor;
