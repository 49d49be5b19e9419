/* vm.h - a VM as atolld knows it: what the database says, and whether it runs */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"
#include "toolstack/daemon/label.h"

enum vm_class { VM_ADMIN, VM_TEMPLATE, VM_STANDALONE, VM_APP };

enum vm_state { VM_HALTED, VM_STARTING, VM_RUNNING, VM_PAUSED, VM_STOPPING };

enum { UUID_TEXT_SIZE = 37 };

struct vm {
    struct vm *next; /* in order of qid */
    char uuid[UUID_TEXT_SIZE];
    char name[VM_NAME_MAX + 1];
    enum vm_class class;
    const struct label *label;
    char template[UUID_TEXT_SIZE]; /* empty if it has none */
    unsigned qid;                  /* a small number for people; never reused */

    enum vm_state state;
    unsigned domid;      /* valid unless halted or starting */
    uint64_t memory_mib; /* what it was started with */
    bool stop_requested; /* ended because somebody asked, not by itself */
};

const char *vm_class_name(enum vm_class class);
/* Returns false if there is no such class. */
[[nodiscard]] bool vm_class_parse(const char *text, enum vm_class *out);

/* As Qubes calls it: Halted, Transient, Running, Paused. */
const char *vm_state_name(enum vm_state state);

/* A new random identity, as text and back. */
void uuid_make(char out[UUID_TEXT_SIZE]);
void uuid_format(char out[UUID_TEXT_SIZE], const uint8_t bytes[16]);
[[nodiscard]] bool uuid_parse(const char *text, uint8_t out[16]);
