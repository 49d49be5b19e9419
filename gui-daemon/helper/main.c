/* main.c - gui-helper DOMID: stands between one VM's agent and the compositor
 *
 * Started by gui-broker as root with the compositor's socket as descriptor 3. Opens what it needs, waits for the VM's
 * agent, becomes a user of its own behind a system call filter, and only then reads what the VM says. It lives as long
 * as one connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/log.h"
#include "common/gui_wire.h"
#include "helper_wire.h"
#include "mapper.h"
#include "relay.h"
#include "sandbox.h"
#include "vchan/libvchan.h"

/* Waits for the agent. Returns nullptr if the compositor goes away or the search fails. */
static struct libvchan *connect_agent(uint32_t domid)
{
    EVTCHN watch;
    struct libvchan *vchan = libvchan_client_init_async((int)domid, GUI_PORT, &watch);

    if (!vchan) {
        log_error("cannot look for the agent: %m");
        return nullptr;
    }
    for (;;) {
        int r = libvchan_client_init_async_finish(vchan, false);

        if (r == 0)
            return vchan;
        struct pollfd fds[] = {{.fd = watch, .events = POLLIN}, {.fd = HELPER_COMPOSITOR_FD}};
        if (r < 0 || (poll(fds, 2, -1) < 0 && errno != EINTR) || fds[1].revents)
            break;
    }
    libvchan_close(vchan);
    return nullptr;
}

int main(int argc, char **argv)
{
    char name[32], *end;
    unsigned long domid = argc == 2 ? strtoul(argv[1], &end, 10) : 0;

    if (argc != 2 || *end || domid == 0 || domid > 32751) {
        fputs("usage: gui-helper DOMID (started by gui-broker)\n", stderr);
        return 2;
    }
    snprintf(name, sizeof(name), "gui-helper(%lu)", domid);
    log_set_name(name);
    struct libvchan *vchan = connect_agent((uint32_t)domid);
    if (!vchan)
        return 1;
    int mapper = mapper_open((uint32_t)domid);
    if (mapper < 0) {
        errno = -mapper;
        log_error("cannot map pages of VMs: %m");
        return 1;
    }
    if (!sandbox_drop(HELPER_UID_BASE + (uint32_t)domid) || !sandbox_seal())
        return 1;
    log_info("ended: %s", relay_run((uint32_t)domid, vchan, HELPER_COMPOSITOR_FD, mapper));
    libvchan_close(vchan);
    _exit(0);
}
