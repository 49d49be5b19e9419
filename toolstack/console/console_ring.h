/* console_ring.h - the page through which a VM's kernel prints and is typed to. All in it is the VM's to change. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/console.h>

#define CONSOLE_OUT_BYTES 2048 /* the most that one take can give */

struct console_ring {
    struct xencons_interface *page;
    uint32_t out_consumer; /* ours; the page holds copies */
    uint32_t in_producer;
};

/* Goes on where the page says that the last reader stopped. */
void console_ring_start(struct console_ring *ring, struct xencons_interface *page);

/* Takes what the VM printed, at most `room` bytes. Returns the number, or -1 when its indices are impossible. */
[[nodiscard]] int console_ring_take(struct console_ring *ring, char *untrusted, size_t room);

/* Types to the VM as far as there is room. Returns the number taken, or -1 when its indices are impossible. */
[[nodiscard]] int console_ring_type(struct console_ring *ring, const char *bytes, size_t count);
