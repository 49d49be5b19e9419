/* daemon.h - qrexec-daemon: one per running VM, between the VM's agent and the programs of dom0
 *
 * Everything that comes from the agent is untrusted; whatever it does wrong costs that VM its connection, and this
 * process is only about that VM.
 */
#pragma once
#include <systemd/sd-event.h>
#include "common/rpc/link.h"

struct client;

/* A data port that is in use. */
struct call {
    bool used;             /* the agent may still use it */
    struct client *client; /* who started it and is still connected, or null */
};

struct daemon {
    unsigned int domain;
    const char *name;
    const char *default_user;
    sd_event *event;
    struct rpc_link agent;
    int listener;
    struct client *clients;
    struct call calls[RPC_CALLS_MAX]; /* by port - RPC_FIRST_PORT */
    unsigned int next_call;
    unsigned int requests; /* service requests in the hands of the policy */
};

/* Ends the daemon with this exit status after saying goodbye to everyone. */
void daemon_stop(struct daemon *daemon, int status);

/* Queues a message for the agent; stops the daemon if that fails. */
void daemon_tell_agent(struct daemon *daemon, enum rpc_type type, const void *part1, size_t size1, const void *part2,
                       size_t size2);

/* client.c: local programs. Makes the socket, which tells the toolstack that the VM can be used. Returns 0 or a
 * negative errno. */
[[nodiscard]] int clients_listen(struct daemon *daemon);
void clients_close(struct daemon *daemon);

/* The agent says that a port is free again. */
void clients_call_ended(struct daemon *daemon, uint32_t untrusted_port);

/* trigger.c: the VM asks for a service; strings are terminated, but nothing else is checked. */
void trigger(struct daemon *daemon, const char *untrusted_service, const char *untrusted_target,
             const struct rpc_ident *untrusted_ident);
