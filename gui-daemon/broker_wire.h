/* broker_wire.h - between gui-broker (root) and the compositor: SOCK_SEQPACKET, one structure a packet */
#pragma once
#include <stdint.h>

#define BROKER_SOCKET "/run/atoll/gui-broker.sock"

enum broker_event_kind {
    BROKER_VM_STARTED = 1, /* with a descriptor: a new helper's end of its socket pair */
    BROKER_VM_STOPPED,
};

/* To the compositor. Name and colour are dom0's, the VM never sees or sets them. */
struct broker_event {
    uint32_t kind;
    uint32_t domid;
    uint32_t colour; /* 0xrrggbb */
    char name[32];   /* NUL-terminated */
};

enum broker_request_kind { BROKER_TERMINAL = 1 };

/* To the broker. */
struct broker_request {
    uint32_t kind;
};
