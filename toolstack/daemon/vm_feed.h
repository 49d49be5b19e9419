/* vm_feed.h - tells the compositor which VMs run: one JSON object a line on a UNIX socket
 *
 * {"event":"vm-started","domid":3,"name":"work","label":"cc0000"} for each running VM on connecting and for each that
 * starts, {"event":"vm-stopped","domid":3,"name":"work"} when it ends, and vm-changed with the fields of vm-started
 * when a running VM gets another label. Nothing is read from the peer.
 */
#pragma once
#include <systemd/sd-event.h>

#include "toolstack/daemon/registry.h"

struct vm_feed;

[[nodiscard]] int vm_feed_open(struct vm_feed **out, sd_event *loop, const struct registry *registry, const char *path);
void vm_feed_close(struct vm_feed *f);
/* `event` as above. */
void vm_feed_tell(struct vm_feed *f, const char *event, const struct vm *vm);
