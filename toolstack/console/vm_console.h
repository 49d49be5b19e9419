/* vm_console.h - one VM's console: its ring, its log, and those who look at it over a UNIX socket */
#pragma once
#include <systemd/sd-event.h>
#include <xen/xen.h>

#include "common/xen/evtchn.h"
#include "console_ring.h"

/* What all consoles share. */
struct console_host {
    sd_event *event;
    const char *log_folder;
    const char *socket_folder;
    int evtchn;
    int gntdev;
};

struct vm_console;

/*
 * Serves a ring: appends to <log_folder>/guest-<name>.log and listens at <socket_folder>/<name>. `notify` is called
 * with `context` when the VM has to hear of movement in its ring. `name` is a valid VM name.
 * Returns 0 or a negative errno.
 */
[[nodiscard]] int vm_console_create(struct vm_console **out, const struct console_host *host, const char *name,
                                    struct xencons_interface *page, void (*notify)(void *context), void *context);
void vm_console_destroy(struct vm_console *console);

/* The VM moved its ring's indices. False when they were impossible: the console is of no use any more. */
[[nodiscard]] bool vm_console_pump(struct vm_console *console);
