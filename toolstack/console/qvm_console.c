/* qvm_console.c - qvm-console: looks at a VM's console and types to it */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "common/text.h"

#define SOCKET_FOLDER "/run/atoll/console"
#define LEAVE         0x1d /* Ctrl-] */

static struct termios before;
static bool changed;

static void restore(void)
{
    if (changed)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void make_raw(void)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
        return;
    raw = before;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST; /* its lines may end without a carriage return */
    changed = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    atexit(restore);
}

static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", SOCKET_FOLDER, name);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (errno == ENOENT || errno == ECONNREFUSED)
        fprintf(stderr, "qvm-console: '%s' is not running, so it has no console; start it with: qvm-start %s\n", name,
                name);
    else
        fprintf(stderr, "qvm-console: cannot reach the console of '%s': %s\n", name, strerror(errno));
    exit(1);
}

static bool put(int fd, const char *bytes, size_t count)
{
    while (count) {
        ssize_t done = write(fd, bytes, count);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        bytes += done;
        count -= (size_t)done;
    }
    return true;
}

/* What a VM prints must not steer this terminal: only text passes, and the backspace, which line editing needs. */
static bool put_clean(struct text_filter *filter, const char *untrusted, size_t count)
{
    char clean[4096 + 4];

    while (count) {
        const char *backspace = memchr(untrusted, '\b', count);
        size_t plain = backspace ? (size_t)(backspace - untrusted) : count;

        if (!put(STDOUT_FILENO, clean, text_filter_run(filter, untrusted, plain, clean)))
            return false;
        if (backspace && !put(STDOUT_FILENO, "\b", 1))
            return false;
        plain += backspace != NULL;
        untrusted += plain;
        count -= plain;
    }
    return true;
}

static bool from_vm(int fd, bool raw, struct text_filter *filter)
{
    char untrusted[4096];
    ssize_t got = read(fd, untrusted, sizeof(untrusted));

    if (got <= 0)
        return got < 0 && errno == EINTR;
    return raw ? put(STDOUT_FILENO, untrusted, (size_t)got) : put_clean(filter, untrusted, (size_t)got);
}

static bool from_user(int fd)
{
    char typed[256];
    ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));
    const char *leave = got > 0 ? memchr(typed, LEAVE, (size_t)got) : NULL;

    if (got <= 0)
        return got < 0 && errno == EINTR;
    return put(fd, typed, leave ? (size_t)(leave - typed) : (size_t)got) && !leave;
}

static void relay(int fd, bool raw)
{
    struct text_filter filter = {0};
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    bool open = true;

    while (open) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            open = from_vm(fd, raw, &filter);
        if (open && fds[1].revents)
            open = from_user(fd);
    }
}

static void usage(FILE *out, int status)
{
    fputs("usage: qvm-console [--raw] VM\n"
          "Shows what the VM prints on its console and types to it; Ctrl-] leaves.\n"
          "  --raw   pass on everything, also what steers the terminal: only for VMs that you trust\n",
          out);
    exit(status);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"raw", no_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'}, {}};
    bool raw = false;
    int fd;

    for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) >= 0;) {
        switch (c) {
        case 'r': raw = true; break;
        case 'h': usage(stdout, 0); break;
        default: usage(stderr, 2);
        }
    }
    if (argc - optind != 1)
        usage(stderr, 2);
    if (!text_is_vm_name(argv[optind])) {
        fputs("qvm-console: that is not a valid VM name\n", stderr);
        return 2;
    }
    fd = connect_to(argv[optind]);
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "Console of '%s'; Ctrl-] leaves.\n", argv[optind]);
    make_raw();
    relay(fd, raw);
    return 0;
}
