/* vm.c - see vm.h */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wlr/types/wlr_buffer.h>
#include "buffer.h"
#include "common/log.h"
#include "input.h"
#include "pixels.h"
#include "server.h"
#include "surface.h"
#include "vm_messages.h"

enum { PACKETS_PER_TURN = 64 }; /* then other VMs, the screen and the user have their turn */

static int handle_helper(int fd, uint32_t mask, void *data);

struct vm *vm_create(struct server *server, uint32_t domid, const char *name, uint32_t colour, int fd)
{
    struct vm *vm = calloc(1, sizeof(*vm));

    if (!vm)
        goto no_memory;
    vm->server = server;
    vm->domid = domid;
    vm->colour = colour;
    vm->fd = fd;
    vm->cursor_shape = 1;
    vm->last_input = server_now() - 1000000;
    snprintf(vm->name, sizeof(vm->name), "%s", name);
    wl_list_init(&vm->surfaces);
    wl_list_init(&vm->buffers);
    vm->source = wl_event_loop_add_fd(server->loop, fd, WL_EVENT_READABLE, handle_helper, vm);
    if (!vm->source)
        goto no_memory;
    wl_list_insert(&server->vms, &vm->link);
    return vm;

no_memory:
    close(fd);
    free(vm);
    return nullptr;
}

void vm_destroy(struct vm *vm)
{
    struct surface *surface, *next_surface;
    struct guest_buffer *buffer, *next_buffer;

    vm->broken = true; /* nothing is sent any more */
    wl_list_for_each_safe (surface, next_surface, &vm->surfaces, link)
        surface_destroy(surface);
    wl_list_for_each_safe (buffer, next_buffer, &vm->buffers, link) {
        wl_list_remove(&buffer->link);
        buffer->vm = nullptr;
        if (!buffer->base.dropped)
            guest_buffer_delete(buffer);
    }
    input_forget_vm(vm->server, vm);
    if (vm->cursor)
        wlr_buffer_drop(&vm->cursor->base);
    wl_event_source_remove(vm->source);
    if (vm->destroy_idle)
        wl_event_source_remove(vm->destroy_idle);
    wl_list_remove(&vm->link);
    close(vm->fd);
    free(vm);
}

struct vm *vm_find(struct server *server, uint32_t domid)
{
    struct vm *vm;

    wl_list_for_each (vm, &server->vms, link)
        if (vm->domid == domid)
            return vm;
    return nullptr;
}

static void handle_destroy_idle(void *data)
{
    struct vm *vm = data;

    vm->destroy_idle = nullptr;
    vm_destroy(vm);
}

void vm_fail(struct vm *vm, enum gui_error_code code, const char *reason)
{
    union gui_message m;

    if (vm->broken)
        return;
    log_warning("VM %s is disconnected: %s", vm->name, reason);
    gui_wire_init(&m, GUI_ERROR, 0, 0);
    m.as_GUI_ERROR.code = code;
    vm_send(vm, &m);
    vm->broken = true;
    vm->destroy_idle = wl_event_loop_add_idle(vm->server->loop, handle_destroy_idle, vm);
}

void vm_send(struct vm *vm, const union gui_message *message)
{
    if (vm->broken)
        return;
    if (send(vm->fd, message, message->header.length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        vm->broken = true; /* no message about it: it would not get through either */
        log_warning("VM %s is disconnected: its helper does not read (%m)", vm->name);
        vm->destroy_idle = wl_event_loop_add_idle(vm->server->loop, handle_destroy_idle, vm);
    }
}

void vm_send_plain(struct vm *vm, enum gui_type type, uint32_t object, uint32_t serial)
{
    union gui_message m;

    gui_wire_init(&m, type, object, serial);
    vm_send(vm, &m);
}

void vm_ask_counts(struct vm *vm)
{
    struct helper_counts ask = {.header = {HELPER_COUNTS, sizeof(ask), 0, 0}};

    if (!vm->broken && send(vm->fd, &ask, sizeof(ask), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("VM %s: counts: %m", vm->name);
}

/* Receives one packet and at most one descriptor. Returns its length, 0 at the end, -1 with errno. */
static ssize_t receive(int socket, union helper_packet *packet, int *fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec data = {packet, sizeof(*packet)};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    *fd = -1;
    if (length <= 0)
        return length;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(header), sizeof(int));
    return length;
}

static int handle_helper(int fd, uint32_t mask, void *data)
{
    static union helper_packet packet;
    struct vm *vm = data;

    for (int i = 0; i < PACKETS_PER_TURN && !vm->broken; i++) {
        int passed;
        ssize_t length = receive(vm->fd, &packet, &passed);

        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (length <= 0) {
            log_info("VM %s: its GUI connection has ended", vm->name);
            vm->broken = true;
            vm->destroy_idle = wl_event_loop_add_idle(vm->server->loop, handle_destroy_idle, vm);
            return 0;
        }
        const char *reason = vm_message(vm, &packet, (size_t)length, passed);
        if (passed >= 0)
            close(passed);
        if (reason)
            vm_fail(vm, GUI_ERROR_PROTOCOL, reason);
    }
    return 0;
}
