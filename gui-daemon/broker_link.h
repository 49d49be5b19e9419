/* broker_link.h - the connection with gui-broker: which VMs there are, and the descriptors of their helpers
 *
 * Lost connections are tried again every second: the broker may be restarted.
 */
#pragma once

struct server;
struct broker_link;

[[nodiscard]] struct broker_link *broker_link_create(struct server *server, const char *path);
void broker_link_destroy(struct broker_link *link);

/* Asks for a dom0 terminal. */
void broker_link_terminal(struct broker_link *link);
