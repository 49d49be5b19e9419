/* helper_wire.h - what a helper adds to the VM's messages on its way to the compositor
 *
 * Between a helper and the compositor is a SOCK_SEQPACKET pair, one message a packet. Most packets are the messages of
 * common/gui_wire.h, checked by the helper and checked again by the compositor. BUFFER_REFS never gets there: when all
 * references of a buffer are known, its BUFFER_NEW goes on in the form below, with a descriptor (SCM_RIGHTS) to map.
 * BUFFER_GONE from the compositor makes the helper end the mapping, and goes on to the VM.
 */
#pragma once
#include "common/gui_wire.h"

struct helper_buffer {
    struct gui_buffer_new buffer; /* header.type HELPER_BUFFER */
    uint32_t reserved;
    uint32_t padding;
    uint64_t offset, length; /* for mmap() of the descriptor, bytes */
};

/* Asked for with an empty one, answered with the numbers since the connection began. */
struct helper_counts {
    struct gui_header header;
    uint64_t bytes_from_vm, bytes_to_vm, messages;
    uint64_t buffers, pages; /* mapped now */
};

enum { HELPER_BUFFER = 0x1000, HELPER_COUNTS = 0x1001 };

union helper_packet {
    union gui_message message;
    struct helper_buffer buffer;
    struct helper_counts counts;
};

/* The user id of the helper of a domain; nothing else runs under it. */
#define HELPER_UID_BASE 2000000u

/* What the broker starts a helper with. */
enum { HELPER_COMPOSITOR_FD = 3 };
