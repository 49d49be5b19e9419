/* broker.h - gui-broker: the small root service between atolld, the helpers and the compositor */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "broker_wire.h"
#include "facts.h"

struct broker_vm {
    struct broker_vm *next;
    struct broker *broker;
    struct fact fact;
    pid_t helper; /* 0: none */
    sd_event_source *child, *retry;
};

struct broker {
    sd_event *loop;
    struct broker_vm *vms;
    /* options */
    const char *vms_socket, *socket, *helper, *terminal, *user;
    uid_t compositor_uid;
    /* atolld */
    int facts; /* -1: not connected */
    sd_event_source *facts_source, *facts_retry;
    char line[FACT_LINE_MAX];
    size_t used;
    /* the compositor */
    int listener, compositor; /* -1: not connected */
    sd_event_source *compositor_source;
};

/* ---- watch.c: the connection with atolld ---- */
void watch_start(struct broker *broker);

/* ---- helpers.c: a helper per VM, while there is a compositor ---- */
void helpers_started(struct broker *broker, const struct fact *fact);
void helpers_stopped(struct broker *broker, uint32_t domid);

/* The compositor came or went. */
void helpers_start_all(struct broker *broker);
void helpers_stop_all(struct broker *broker);

/* ---- compositor.c ---- */
[[nodiscard]] bool compositor_listen(struct broker *broker);

/* Tells the compositor; `fd` (or -1) goes along and stays the caller's. */
void compositor_tell(struct broker *broker, enum broker_event_kind kind, const struct fact *fact, int fd);
