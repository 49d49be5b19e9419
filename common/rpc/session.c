/* session.c - see session.h */
#include "common/rpc/session.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>
#include "common/log.h"

static int64_t milliseconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Watches the folder, or the one above while it does not exist; both, since it can appear meanwhile. */
static void watch_folders(int inotify, const char *folder)
{
    inotify_add_watch(inotify, folder, IN_CREATE | IN_MOVED_TO);
    inotify_add_watch(inotify, "/run/user", IN_CREATE);
}

void session_wait(const char *user, unsigned int seconds)
{
    char folder[64], socket[96], events[4096];
    const struct passwd *entry = getpwnam(user);

    if (!entry || entry->pw_uid == 0)
        return;
    snprintf(folder, sizeof(folder), "/run/user/%u", entry->pw_uid);
    snprintf(socket, sizeof(socket), "%s/wayland-0", folder);
    int64_t end = milliseconds_now() + seconds * INT64_C(1000);
    int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    struct pollfd changed = {.fd = inotify, .events = POLLIN};

    watch_folders(inotify, folder);
    while (access(socket, F_OK) < 0) {
        int64_t left = end - milliseconds_now();
        if (left <= 0 || (poll(&changed, 1, (int)left) <= 0 && errno != EINTR)) {
            log_warning("no graphical session for user '%s' after %u seconds; starting without it", user, seconds);
            break;
        }
        while (read(inotify, events, sizeof(events)) > 0)
            ;
        watch_folders(inotify, folder);
    }
    close(inotify);
}
