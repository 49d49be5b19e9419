/* exec-agent - runs scripts that come over a serial port, as root; only images built for development start it
 *
 * usage: exec-agent DEVICE
 *
 * From outside: hello (a token), begin, data..., run, kill, off; each is answered by 'ack' with its sequence number and
 * may be sent again until it is. To outside: hello (the token), out, err, exit (the status as text).
 */
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SCRIPT "/run/atoll-exec.script"

struct agent {
    int line_fd;
    char line[FRAME_LINE]; /* what has come of the current line */
    size_t line_length;
    bool line_too_long;
    uint32_t last_sequence; /* of the last frame that was acted on */
    uint32_t sent;          /* sequence of the last output frame */
    int script_fd;          /* the script while it arrives, else -1 */
    pid_t child;            /* the running script, or 0 */
    int child_fd;           /* its pidfd, or -1 */
    int output[2];          /* its stdout and stderr, or -1 */
};

static void send_frame(struct agent *a, const char *type, uint32_t sequence, const void *payload, size_t length)
{
    char line[FRAME_LINE];
    size_t todo = frame_encode(line, type, sequence, payload, length);
    const char *at = line;

    while (todo > 0) {
        ssize_t n = write(a->line_fd, at, todo);

        if (n < 0 && errno != EINTR && errno != EAGAIN)
            exit(1);
        if (n > 0) {
            at += n;
            todo -= (size_t)n;
        }
    }
}

static void say(struct agent *a, const char *type, const void *payload, size_t length)
{
    send_frame(a, type, ++a->sent, payload, length);
}

static void say_exit(struct agent *a, int status)
{
    char text[16];

    say(a, "exit", text, (size_t)snprintf(text, sizeof(text), "%d", status));
}

static void exec_script(void)
{
    setenv("HOME", "/root", 1);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (chdir("/root") < 0)
        _exit(126);
    execl(SCRIPT, SCRIPT, (char *)NULL);
    if (errno == ENOEXEC) /* no #! line */
        execl("/bin/bash", "bash", SCRIPT, (char *)NULL);
    dprintf(2, "exec-agent: cannot run the script: %s\n", strerror(errno));
    _exit(126);
}

static int start_script(struct agent *a)
{
    int out[2], err[2];

    if (pipe2(out, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(err, O_CLOEXEC) < 0) {
        close(out[0]);
        close(out[1]);
        return -1;
    }
    a->child = fork();
    if (a->child == 0) {
        int null = open("/dev/null", O_RDWR);

        setsid();
        dup2(null, 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        exec_script();
    }
    close(out[1]);
    close(err[1]);
    a->output[0] = out[0];
    a->output[1] = err[0];
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    a->child_fd = a->child > 0 ? pidfd_open(a->child, 0) : -1;
    return a->child_fd < 0 ? -1 : 0;
}

/* Sends what stands in a pipe. Returns false when nothing more will come from it. */
static bool forward(struct agent *a, int which)
{
    char data[FRAME_PAYLOAD];
    ssize_t n = read(a->output[which], data, sizeof(data));

    if (n > 0) {
        say(a, which == 0 ? "out" : "err", data, (size_t)n);
        return true;
    }
    return n < 0 && (errno == EINTR);
}

static void close_output(struct agent *a, int which)
{
    close(a->output[which]);
    a->output[which] = -1;
}

/* The script has ended. Processes it left behind may hold the pipes: take what is there and do not wait for them. */
static void finish(struct agent *a)
{
    int status = 0;

    waitpid(a->child, &status, 0);
    for (int i = 0; i < 2; i++) {
        while (a->output[i] >= 0 && forward(a, i))
            ;
        if (a->output[i] >= 0)
            close_output(a, i);
    }
    close(a->child_fd);
    a->child_fd = -1;
    a->child = 0;
    say_exit(a, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void begin_script(struct agent *a)
{
    if (a->script_fd >= 0)
        close(a->script_fd);
    unlink(SCRIPT);
    a->script_fd = open(SCRIPT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
}

static void run_script(struct agent *a)
{
    if (a->child)
        return;
    if (a->script_fd >= 0)
        close(a->script_fd);
    a->script_fd = -1;
    if (start_script(a) < 0)
        say_exit(a, 126);
}

static void act(struct agent *a, const struct frame *f)
{
    if (strcmp(f->type, "begin") == 0) {
        begin_script(a);
    } else if (strcmp(f->type, "data") == 0 && a->script_fd >= 0) {
        if (write(a->script_fd, f->payload, f->length) != (ssize_t)f->length)
            say(a, "err", "exec-agent: cannot store the script\n", 36);
    } else if (strcmp(f->type, "run") == 0) {
        run_script(a);
    } else if (strcmp(f->type, "kill") == 0 && a->child > 0) {
        kill(-a->child, SIGKILL);
    } else if (strcmp(f->type, "off") == 0) {
        if (fork() == 0)
            execlp("systemctl", "systemctl", "--no-block", "poweroff", (char *)NULL);
    }
}

static void take_line(struct agent *a)
{
    struct frame f;

    if (frame_decode(&f, a->line, a->line_length) < 0)
        return;
    if (strcmp(f.type, "hello") == 0) {
        a->last_sequence = 0;
        a->sent = 0;
        send_frame(a, "hello", f.sequence, f.payload, f.length);
        return;
    }
    /* A frame that comes again was acted on already: only its acknowledgement was lost. */
    if (f.sequence != a->last_sequence && f.sequence != a->last_sequence + 1)
        return;
    send_frame(a, "ack", f.sequence, NULL, 0);
    if (f.sequence == a->last_sequence + 1) {
        a->last_sequence = f.sequence;
        act(a, &f);
    }
}

static void take_input(struct agent *a)
{
    char data[1024];
    ssize_t n = read(a->line_fd, data, sizeof(data));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        exit(1); /* systemd starts the agent again */
    for (ssize_t i = 0; i < n; i++) {
        if (data[i] != '\n') {
            if (a->line_length < sizeof(a->line))
                a->line[a->line_length++] = data[i];
            else
                a->line_too_long = true;
            continue;
        }
        if (!a->line_too_long)
            take_line(a);
        a->line_length = 0;
        a->line_too_long = false;
    }
}

static int open_line(const char *device)
{
    struct termios raw;
    int fd = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 || tcgetattr(fd, &raw) < 0)
        return -1;
    cfmakeraw(&raw);
    cfsetspeed(&raw, B115200);
    raw.c_cflag |= CLOCAL | CREAD;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &raw) < 0 ? -1 : fd;
}

static void turn(struct agent *a)
{
    struct pollfd fds[] = {
        {.fd = a->line_fd, .events = POLLIN},
        {.fd = a->output[0], .events = POLLIN},
        {.fd = a->output[1], .events = POLLIN},
        {.fd = a->child_fd, .events = POLLIN},
    };

    if (poll(fds, 4, -1) < 0)
        return;
    for (int i = 0; i < 2; i++)
        if (fds[1 + i].revents && !forward(a, i))
            close_output(a, i);
    if (fds[3].revents)
        finish(a);
    if (fds[0].revents)
        take_input(a);
}

int main(int argc, char **argv)
{
    struct agent a = {.script_fd = -1, .child_fd = -1, .output = {-1, -1}};

    if (argc != 2) {
        fprintf(stderr, "usage: exec-agent DEVICE\n");
        return 2;
    }
    a.line_fd = open_line(argv[1]);
    if (a.line_fd < 0) {
        fprintf(stderr, "exec-agent: cannot use %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    say(&a, "hello", "", 0);
    for (;;)
        turn(&a);
}
