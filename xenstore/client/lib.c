#include "xenstore.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FOLDER "/var/run/xenstored"

const char *xs_daemon_rundir(void)
{
    const char *folder = getenv("XENSTORED_RUNDIR");

    return folder ? folder : DEFAULT_FOLDER;
}

const char *xs_daemon_socket(void)
{
    static __thread char path[PATH_MAX];
    const char *given = getenv("XENSTORED_PATH");

    if (given)
        return given;
    snprintf(path, sizeof(path), "%s/socket", xs_daemon_rundir());
    return path;
}

const char *xs_daemon_socket_ro(void)
{
    return xs_daemon_socket();
}

static bool parse_access(char letter, unsigned int *perms)
{
    switch (letter) {
    case 'n': *perms = XS_PERM_NONE; return true;
    case 'r': *perms = XS_PERM_READ; return true;
    case 'w': *perms = XS_PERM_WRITE; return true;
    case 'b': *perms = XS_PERM_READ | XS_PERM_WRITE; return true;
    default: return false;
    }
}

bool xs_strings_to_perms(struct xs_permissions *perms, unsigned int num, const char *strings)
{
    for (unsigned i = 0; i < num; i++) {
        char *end;
        unsigned long id;

        errno = 0;
        end = NULL;
        id = parse_access(strings[0], &perms[i].perms) ? strtoul(strings + 1, &end, 10) : 0;
        if (!end || end == strings + 1 || *end || errno || id > UINT_MAX) {
            errno = EINVAL;
            return false;
        }
        perms[i].id = (unsigned int)id;
        strings = end + 1;
    }
    return true;
}

bool xs_path_is_subpath(const char *parent, const char *child)
{
    size_t length = strlen(parent);

    if (strcmp(parent, "/") == 0)
        return child[0] == '/';
    return strncmp(parent, child, length) == 0 && (child[length] == '\0' || child[length] == '/');
}

bool xs_write_all(int fd, const void *data, unsigned int len)
{
    const char *at = data;

    while (len) {
        ssize_t put = write(fd, at, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        at += put;
        len -= (unsigned int)put;
    }
    return true;
}
