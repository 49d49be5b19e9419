/* agent.h - qrexec-agent: runs in a VM as root and does what dom0's daemon of this VM asks for
 *
 * Calls are processes of their own (call.c), so that a slow or hostile peer of one call harms no other. dom0 is obeyed,
 * but what comes over the channel is still checked: another domain may sit there after a mistake of ours.
 */
#pragma once
#include <systemd/sd-event.h>
#include "common/rpc/link.h"

struct request;

struct agent {
    sd_event *event;
    sd_event_source *source; /* of the daemon's link */
    struct rpc_link daemon;
    bool connected;
    int listener;
    struct request *requests;
};

/* Queues a message for dom0, starts anew if that fails. */
void agent_tell_daemon(struct agent *agent, enum rpc_type type, const void *part1, size_t size1, const void *part2,
                       size_t size2);

/* calls.c: each is a child process; when it ends the daemon is told that its port is free. */
[[nodiscard]] int calls_start(struct agent *agent, const struct rpc_exec *exec);
void calls_start_detached(const struct rpc_exec *exec);

/* The child's part, in a new execution of this program with --call DOMAIN PORT COMMAND. Returns its exit status. */
[[nodiscard]] int calls_serve(const char *domain, const char *port, const char *text);

/* requests.c: the socket where programs of this VM ask for services elsewhere. */
[[nodiscard]] int requests_listen(struct agent *agent);
void requests_connect(struct agent *agent, const struct rpc_exec *where);
void requests_refused(struct agent *agent, const struct rpc_ident *ident);

/* The child that carries a request's data, in a new execution with --answer DOMAIN PORT. Returns its exit status. */
[[nodiscard]] int requests_serve(const char *domain, const char *port);

/* The daemon is gone: nobody will answer any more. */
void requests_drop(struct agent *agent);
