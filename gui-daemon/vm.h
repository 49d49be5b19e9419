/* vm.h - a connection with a VM, through its helper: what the VM has, what it may have, and what is said to it */
#pragma once
#include <stdint.h>
#include <wayland-server-core.h>
#include "helper_wire.h"

struct server;
struct surface;
struct pixels;

/* The state of a surface while its COMMIT messages come in. */
struct commit {
    uint32_t surface; /* 0: none under way */
    uint32_t serial, width, height;
    uint32_t expected, count;
    struct gui_node nodes[GUI_NODES_MAX];
};

struct vm {
    struct server *server;
    struct wl_list link; /* server->vms */
    /* dom0's facts */
    uint32_t domid;
    uint32_t colour; /* 0xrrggbb */
    char name[32];
    /* the helper */
    int fd;
    struct wl_event_source *source;
    bool greeted; /* HELLO came */
    bool broken;  /* to be destroyed when the current call has returned */
    struct wl_event_source *destroy_idle;
    /* what the VM has */
    struct wl_list surfaces; /* struct surface */
    struct wl_list buffers;  /* struct guest_buffer */
    uint32_t surfaces_count, toplevels_count, popups_count, buffers_count;
    uint64_t pages;
    struct commit commit;
    struct pixels *cursor; /* its picture, or nullptr: shape */
    uint32_t cursor_shape, hotspot_x, hotspot_y;
    uint32_t last_input;         /* when the user last typed or clicked there, ms */
    struct helper_counts counts; /* the last answer */
};

/* Takes over `fd`. Returns nullptr without memory. */
struct vm *vm_create(struct server *server, uint32_t domid, const char *name, uint32_t colour, int fd);

/* Takes everything of this VM off the screen and closes the connection. */
void vm_destroy(struct vm *vm);

[[nodiscard]] struct vm *vm_find(struct server *server, uint32_t domid);

/* Sends a message; a VM that does not read what it is sent is disconnected. */
void vm_send(struct vm *vm, const union gui_message *message);

/* Sends a message that is nothing but a header. */
void vm_send_plain(struct vm *vm, enum gui_type type, uint32_t object, uint32_t serial);

/* Tells the VM about outputs again. */
void vm_send_outputs(struct vm *vm);

/* Asks the helper for its counts; the answer comes later into vm->counts. */
void vm_ask_counts(struct vm *vm);

/* Disconnects the VM, soon: `reason` is logged with the VM's name. */
void vm_fail(struct vm *vm, enum gui_error_code code, const char *reason);
