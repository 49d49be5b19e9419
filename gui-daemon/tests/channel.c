/* channel.c - test-gui-channel PORT: offers a channel to domain 0 as a VM would, and joins it to stdin and stdout, so
 * that test scripts can play agents, well-behaved and hostile. $VCHAN_DOMAIN says which VM it is.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "vchan/libvchan.h"

enum { RING = 65536 };

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t n = write(fd, bytes, length);

        if (n <= 0)
            return false;
        bytes += n;
        length -= (size_t)n;
    }
    return true;
}

/* Hands on what has come; false when nobody takes it. Also after the peer has left: its last words count. */
static bool pass_on(struct libvchan *vchan)
{
    static char buffer[RING];

    while (libvchan_data_ready(vchan) > 0) {
        int n = libvchan_read(vchan, buffer, sizeof(buffer));

        if (n < 0 || !write_all(1, buffer, (size_t)n))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static char buffer[RING];
    struct libvchan *vchan = argc == 2 ? libvchan_server_init(0, atoi(argv[1]), RING, RING) : nullptr;

    if (!vchan)
        return 2;
    while (libvchan_is_open(vchan) == VCHAN_WAITING)
        libvchan_wait(vchan);
    for (;;) {
        struct pollfd fds[] = {{.fd = 0, .events = POLLIN}, {.fd = libvchan_fd_for_select(vchan), .events = POLLIN}};

        if (libvchan_data_ready(vchan) <= 0 && poll(fds, 2, -1) < 0 && errno != EINTR)
            return 1;
        if (fds[1].revents)
            libvchan_wait(vchan);
        bool open = libvchan_is_open(vchan) == VCHAN_CONNECTED; /* asked first: what came before the end is there now */

        if (!pass_on(vchan) || !open)
            return 0;
        if (fds[0].revents) {
            ssize_t n = read(0, buffer, sizeof(buffer));

            if (n <= 0)
                break;
            if (libvchan_write(vchan, buffer, (size_t)n) < 0) {
                (void)pass_on(vchan);
                return 0;
            }
        }
    }
    libvchan_close(vchan);
    return 0;
}
