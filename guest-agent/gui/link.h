/* link.h - the channel to dom0: whole messages out and in, never blocking; offered again when dom0's side has gone */
#pragma once
#include <stdint.h>
#include "common/gui_wire.h"

struct agent;
struct link;

[[nodiscard]] struct link *link_create(struct agent *agent);
void link_destroy(struct link *link);

/* Whether dom0 has said HELLO: only then anything is sent. */
[[nodiscard]] bool link_ready(const struct link *link);

/* Sends a message; dropped if the link is not ready. */
void link_send(struct link *link, const union gui_message *message);
void link_send_plain(struct link *link, enum gui_type type, uint32_t object, uint32_t serial);
