/* listen_socket.c - UNIX sockets for the programs of dom0 */
#include "toolstack/daemon/listen_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_PERSON = 1000, LAST_PERSON = 59999, BACKLOG = 16 };

int listen_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= (int)sizeof(address.sun_path))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (unlink(path) < 0 && errno != ENOENT)
        goto failed;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0)
        goto failed;
    return fd;
failed:;
    int rc = -errno;
    close(fd);
    return rc;
}

bool peer_is_person(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid() || (peer.uid >= FIRST_PERSON && peer.uid <= LAST_PERSON);
}
