/* watch.c - the connection with atolld, which says which VMs run and what their names and colours are */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "broker.h"
#include "common/log.h"

enum { RETRY_US = 1000000 };

static int try_connect(sd_event_source *source, uint64_t time, void *data);

static void retry_later(struct broker *broker)
{
    sd_event_source_disable_unref(broker->facts_retry);
    broker->facts_retry = nullptr;
    sd_event_add_time_relative(broker->loop, &broker->facts_retry, CLOCK_MONOTONIC, RETRY_US, 0, try_connect, broker);
}

static void disconnect(struct broker *broker)
{
    broker->facts_source = sd_event_source_disable_unref(broker->facts_source);
    close(broker->facts);
    broker->facts = -1;
    broker->used = 0;
    retry_later(broker);
}

static void on_line(struct broker *broker, const char *line, size_t length)
{
    struct fact fact;

    if (!fact_parse(line, length, &fact))
        log_debug("ignored: %.*s", (int)length, line);
    else if (fact.started)
        helpers_started(broker, &fact);
    else
        helpers_stopped(broker, fact.domid);
}

static void on_bytes(struct broker *broker)
{
    char *end;

    while ((end = memchr(broker->line, '\n', broker->used))) {
        size_t length = (size_t)(end - broker->line);

        on_line(broker, broker->line, length);
        broker->used -= length + 1;
        memmove(broker->line, end + 1, broker->used);
    }
}

static int handle_facts(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct broker *broker = data;
    ssize_t got = read(fd, broker->line + broker->used, sizeof(broker->line) - broker->used);

    if (got > 0) {
        broker->used += (size_t)got;
        on_bytes(broker);
    }
    if ((got <= 0 && errno != EINTR) || broker->used == sizeof(broker->line)) {
        log_warning("the connection with atolld has ended; trying again");
        disconnect(broker);
    }
    return 0;
}

static int try_connect(sd_event_source *source, uint64_t time, void *data)
{
    struct broker *broker = data;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", broker->vms_socket);
    broker->facts = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (broker->facts < 0 || connect(broker->facts, (struct sockaddr *)&address, sizeof(address)) < 0) {
        log_debug("%s: %m", broker->vms_socket);
        if (broker->facts >= 0)
            close(broker->facts);
        broker->facts = -1;
        retry_later(broker);
        return 0;
    }
    sd_event_add_io(broker->loop, &broker->facts_source, broker->facts, EPOLLIN, handle_facts, broker);
    return 0;
}

void watch_start(struct broker *broker)
{
    broker->facts = -1;
    try_connect(nullptr, 0, broker);
}
