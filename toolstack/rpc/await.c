/* await.c - see await.h */
#include "toolstack/rpc/await.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "toolstack/rpc/call.h"
#include "toolstack/rpc/start.h"

/* The daemon has its own, shorter limit for each try; this one only ends what would last for ever. */
enum { SECONDS = 300, LOOK_SECONDS = 3 };

static int64_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Returns when the folder changed, or after a while. */
static void wait_for_change(int inotify)
{
    struct pollfd changed = {.fd = inotify, .events = POLLIN};
    char events[4096];

    if (poll(&changed, 1, LOOK_SECONDS * 1000) > 0)
        while (read(inotify, events, sizeof(events)) > 0)
            ;
}

static bool absent(int error)
{
    return error == -ENOENT || error == -ECONNREFUSED;
}

int await_daemon(const char *vm)
{
    int64_t end = seconds_now() + SECONDS;
    int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int daemon;

    mkdir(rpc_socket_folder(), 0755); /* to be watched even before the first daemon made it */
    inotify_add_watch(inotify, rpc_socket_folder(), IN_MOVED_TO);
    /* Watch first, look second: nothing can come in between. */
    while (absent(daemon = rpc_connect(vm))) {
        int64_t started = seconds_now();
        wait_for_change(inotify);
        if (seconds_now() > end)
            daemon = -ETIMEDOUT;
        else if (seconds_now() - started >= LOOK_SECONDS && vm_query(vm) != VM_RUNNING)
            daemon = -ENOTCONN;
        if (!absent(daemon))
            break;
    }
    close(inotify);
    return daemon;
}
