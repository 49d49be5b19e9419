/* client.c - calls to atolld for the qvm-* commands */
#include "toolstack/qvm/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/text.h"

const char *client_program = "qvm";

/* Names go into one header line, so they must not contain what separates its words. */
static bool is_word(const char *text)
{
    for (; *text; text++)
        if (*text <= 0x20 || *text > 0x7e || *text == '+')
            return false;
    return true;
}

static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

/* A connection on which the call was sent; -1 with errno. */
static int open_call(const char *destination, const char *method, const char *argument, const char *payload)
{
    const char *path = getenv("ATOLL_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char header[512];
    int length =
        snprintf(header, sizeof(header), "%s%s%s dom0 name %s", method, *argument ? "+" : "", argument, destination);

    if (length >= (int)sizeof(header)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path ? path : "/run/atolld.sock");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || !send_all(fd, header, (size_t)length + 1) ||
        !send_all(fd, payload, strlen(payload)) || shutdown(fd, SHUT_WR) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void set_error(struct answer *a, const char *exception, const char *text)
{
    a->ok = false;
    snprintf(a->exception, sizeof(a->exception), "%s", exception);
    free(a->text);
    a->text = strdup(text);
    if (!a->text)
        abort();
    a->size = strlen(a->text);
}

static void set_unreachable(struct answer *a)
{
    char text[256];

    if (errno == EACCES)
        set_error(a, "PermissionDenied", "you may not manage VMs; only root and people logged in to dom0 may.");
    else {
        snprintf(text, sizeof(text), "atolld cannot be reached (%s); is it running? Try: systemctl status atolld",
                 strerror(errno));
        set_error(a, "Unreachable", text);
    }
}

static bool read_all(int fd, char **out, size_t *size)
{
    char *bytes = nullptr;
    size_t got = 0, room = 0;

    for (;;) {
        if (got + 1 >= room) {
            room = room ? room * 2 : 4096;
            char *grown = realloc(bytes, room);
            if (!grown)
                abort();
            bytes = grown;
        }
        ssize_t n = recv(fd, bytes + got, room - got - 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(bytes);
            return false;
        }
        if (n == 0)
            break;
        got += (size_t)n;
    }
    bytes[got] = 0;
    *out = bytes;
    *size = got;
    return true;
}

/* "2" NUL exception NUL traceback NUL format NUL field NUL ...; ours has no fields and doubles '%'. */
static void take_exception(struct answer *a, const char *bytes, size_t size)
{
    const char *end = bytes + size, *name = bytes + 2;
    const char *trace = memchr(name, 0, (size_t)(end - name));
    const char *text = trace ? memchr(trace + 1, 0, (size_t)(end - trace - 1)) : nullptr;
    char sentence[2048];
    size_t length = 0;

    for (const char *c = text ? text + 1 : end; c < end && *c && length + 1 < sizeof(sentence); c++) {
        sentence[length++] = *c;
        if (c[0] == '%' && c + 1 < end && c[1] == '%')
            c++;
    }
    sentence[length] = 0;
    set_error(a, name, length ? sentence : "atolld gave no reason.");
}

struct answer client_call(const char *destination, const char *method, const char *argument, const char *payload)
{
    struct answer a = {};
    char *bytes = nullptr;
    size_t size = 0;

    if (!is_word(destination) || !is_word(argument)) {
        char text[256], shown[96];
        const char *bad = is_word(destination) ? argument : destination;
        size_t length = strnlen(bad, 90);
        memcpy(shown, bad, length);
        shown[text_sanitise(shown, length)] = 0;
        snprintf(text, sizeof(text), "there is nothing named '%s'.", shown);
        set_error(&a, "QubesVMNotFoundError", text);
        return a;
    }
    int fd = open_call(destination, method, argument, payload);
    if (fd < 0 || !read_all(fd, &bytes, &size)) {
        set_unreachable(&a);
    } else if (size >= 2 && !memcmp(bytes, "0", 2)) {
        a = (struct answer){.ok = true, .text = bytes, .size = size - 2};
        memmove(bytes, bytes + 2, size - 1);
        bytes = nullptr;
    } else if (size >= 2 && !memcmp(bytes, "2", 2)) {
        take_exception(&a, bytes, size);
    } else {
        set_error(&a, "Unreachable", "atolld closed the connection; you may not be allowed to manage VMs.");
    }
    free(bytes);
    if (fd >= 0)
        close(fd);
    return a;
}

void answer_free(struct answer *a)
{
    free(a->text);
    *a = (struct answer){};
}

void client_complain(const char *sentence)
{
    int indent = fprintf(stderr, "%s: ", client_program);

    for (const char *c = sentence; *c; c++) {
        fputc(*c, stderr);
        if (*c == '\n')
            fprintf(stderr, "%*s", indent, "");
    }
    fputc('\n', stderr);
}

void client_complainf(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    client_complain(text);
}

bool client_do(const char *destination, const char *method, const char *argument, const char *payload)
{
    struct answer a = client_call(destination, method, argument, payload);
    bool ok = a.ok;

    if (!ok)
        client_complain(a.text);
    answer_free(&a);
    return ok;
}

int client_subscribe(const char *destination)
{
    struct event hello;
    int fd = open_call(destination, "admin.Events", "", "");

    if (fd >= 0 && client_next_event(fd, -1, &hello) == 1 && !strcmp(hello.name, "connection-established"))
        return fd;
    struct answer a = {};
    if (fd < 0)
        set_unreachable(&a);
    else
        set_error(&a, "", "atolld does not tell its events; the VM may be gone.");
    client_complain(a.text);
    answer_free(&a);
    if (fd >= 0)
        close(fd);
    return -1;
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* One byte, or -1 if the connection ended, -2 if time is up. */
static int next_byte(int fd, long long deadline)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    long long left = deadline < 0 ? -1 : deadline - now_ms();
    unsigned char byte;

    if (deadline >= 0 && left < 0)
        left = 0;
    int ready = poll(&p, 1, (int)left);
    if (ready == 0)
        return -2;
    return ready > 0 && recv(fd, &byte, 1, 0) == 1 ? byte : -1;
}

/* A NUL-terminated string; what does not fit is dropped. Returns its length, or a negative result of next_byte(). */
static int next_text(int fd, long long deadline, char *out, size_t size)
{
    size_t length = 0;
    int byte;

    while ((byte = next_byte(fd, deadline)) > 0)
        if (length + 1 < size)
            out[length++] = (char)byte;
    out[length] = 0;
    return byte < 0 ? byte : (int)length;
}

int client_next_event(int fd, int ms, struct event *out)
{
    long long deadline = ms < 0 ? -1 : now_ms() + ms;
    char text[256];
    int length = next_text(fd, deadline, text, sizeof(text));

    if (length >= 0 && strcmp(text, "1"))
        return -1;
    if (length >= 0)
        length = next_text(fd, deadline, out->subject, sizeof(out->subject));
    if (length >= 0)
        length = next_text(fd, deadline, out->name, sizeof(out->name));
    while (length > 0)
        length = next_text(fd, deadline, text, sizeof(text)); /* keys and values, until an empty one */
    return length == 0 ? 1 : length == -2 ? 0 : -1;
}
