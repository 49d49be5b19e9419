/* api_socket.c - the Admin API on UNIX sockets */
#include "toolstack/daemon/api_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "toolstack/daemon/listen_socket.h"

enum { CLIENTS_MAX = 128, OUTPUT_MAX = 1 << 20 };

struct client {
    struct api_reply reply; /* first: replies are found back by it */
    struct api_socket *owner;
    struct client *next;
    sd_event_source *source; /* nullptr: the client is gone, only its answer is still awaited */
    int fd;
    bool answered, subscribed, awaited; /* awaited: the API holds our reply */
    char subject[VM_NAME_MAX + 1];      /* of the events wanted; empty: all */
    size_t got;
    char *input; /* API_CALL_MAX bytes and a NUL */
    struct text_buffer output;
    size_t sent;
};

struct api_socket {
    struct api *api;
    sd_event *loop;
    sd_event_source *source;
    struct client *clients;
    unsigned count;
    int fd;
};

static void client_free(struct client *c)
{
    struct client **at = &c->owner->clients;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->owner->count--;
    text_free(&c->output);
    free(c->input);
    free(c);
}

/* The connection ends; the client itself may have to wait for its answer to come. */
static void client_hang_up(struct client *c)
{
    sd_event_source_unref(c->source);
    c->source = nullptr;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    if (!c->awaited)
        client_free(c);
}

/* Sends what it can; hangs up when an answer is complete or the peer is gone. */
static void client_flush(struct client *c)
{
    while (c->sent < c->output.size) {
        ssize_t n = send(c->fd, c->output.bytes + c->sent, c->output.size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            sd_event_source_set_io_events(c->source, EPOLLOUT);
            return;
        }
        if (n < 0 && errno != EINTR) {
            client_hang_up(c);
            return;
        }
        c->sent += n > 0 ? (size_t)n : 0;
    }
    c->output.size = c->sent = 0;
    if (c->answered)
        client_hang_up(c);
    else
        sd_event_source_set_io_events(c->source, 0);
}

static void reply_send(struct api_reply *reply, const char *bytes, size_t size)
{
    struct client *c = (struct client *)reply;

    c->awaited = false;
    c->answered = true;
    if (c->fd < 0) {
        client_free(c);
        return;
    }
    text_add(&c->output, bytes, size);
    client_flush(c);
}

static void add_event(struct text_buffer *b, const struct api_event *e)
{
    const char *subject = e->subject ? e->subject : "";

    text_add(b, "1", 2);
    text_add(b, subject, strlen(subject) + 1);
    text_add(b, e->name, strlen(e->name) + 1);
    for (size_t i = 0; i < 4 && e->keys[i]; i++)
        text_add(b, e->keys[i], strlen(e->keys[i]) + 1);
    text_add(b, "", 1);
}

static void reply_subscribe(struct api_reply *reply, const char *subject)
{
    struct client *c = (struct client *)reply;
    struct api_event hello = {.name = "connection-established"};

    c->awaited = false;
    c->subscribed = true;
    snprintf(c->subject, sizeof(c->subject), "%s", subject);
    add_event(&c->output, &hello);
    client_flush(c);
}

static bool wants(const struct client *c, const struct api_event *e)
{
    return c->subscribed && c->fd >= 0 && (!*c->subject || (e->subject && !strcmp(c->subject, e->subject)));
}

static struct api_socket *the_socket; /* the emitter has no other way back; there is one per program */

static void emit(struct api *api, const struct api_event *e)
{
    struct client *next;

    for (struct client *c = the_socket ? the_socket->clients : nullptr; c; c = next) {
        next = c->next;
        if (!wants(c, e))
            continue;
        add_event(&c->output, e);
        if (c->output.failed || c->output.size > OUTPUT_MAX)
            client_hang_up(c); /* does not read its events */
        else
            client_flush(c);
    }
}

static void client_call(struct client *c)
{
    struct api_call call;

    if (!api_frame_parse(&call, c->input, c->got)) {
        static const char refusal[] = "2\0QubesDaemonCommunicationError\0\0this is not a call of the Admin API.";
        reply_send(&c->reply, refusal, sizeof(refusal));
        return;
    }
    c->awaited = true;
    sd_event_source_set_io_events(c->source, 0);
    log_debug("call %s+%s for %s", call.method, call.argument, call.destination);
    api_handle(c->owner->api, &call, &c->reply);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct client *c = data;

    if (events & EPOLLOUT) {
        client_flush(c);
        return 0;
    }
    if (c->subscribed || c->awaited) {
        /* A subscriber may have ended its sending direction long ago; EPOLLHUP comes when it is really gone. */
        if (events & (EPOLLHUP | EPOLLERR))
            client_hang_up(c);
        else
            sd_event_source_set_io_events(source, 0);
        return 0;
    }
    ssize_t n = recv(fd, c->input + c->got, API_CALL_MAX - c->got, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0)
        c->got += (size_t)n;
    if (n < 0 || c->got == API_CALL_MAX)
        client_hang_up(c);
    else if (n == 0)
        client_call(c);
    return 0;
}

static int client_add(struct api_socket *s, int fd)
{
    struct client *c = calloc(1, sizeof(*c));

    if (!c || !(c->input = malloc(API_CALL_MAX + 1))) {
        free(c);
        return -ENOMEM;
    }
    c->reply = (struct api_reply){.send = reply_send, .subscribe = reply_subscribe};
    c->owner = s;
    c->fd = fd;
    int rc = sd_event_add_io(s->loop, &c->source, fd, EPOLLIN, on_client, c);
    if (rc < 0) {
        free(c->input);
        free(c);
        return rc;
    }
    c->next = s->clients;
    s->clients = c;
    s->count++;
    return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct api_socket *s = data;
    int client = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (client < 0)
        return 0;
    if (s->count >= CLIENTS_MAX || !peer_is_person(client) || client_add(s, client)) {
        log_warning("a client of the Admin API was turned away");
        close(client);
    }
    return 0;
}

int api_socket_open(struct api_socket **out, sd_event *loop, struct api *api, const char *path)
{
    struct api_socket *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;

    *s = (struct api_socket){.api = api, .loop = loop, .fd = listen_socket(path)};
    int rc = s->fd < 0 ? s->fd : sd_event_add_io(loop, &s->source, s->fd, EPOLLIN, on_connect, s);
    if (rc < 0) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
        return rc;
    }
    the_socket = s;
    api->emit = emit;
    *out = s;
    return 0;
}

void api_socket_close(struct api_socket *s)
{
    the_socket = nullptr;
    while (s->clients) {
        s->clients->awaited = false;
        client_hang_up(s->clients);
    }
    sd_event_source_unref(s->source);
    close(s->fd);
    free(s);
}
