/* buffer.c - see buffer.h */
#include "buffer.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <wlr/interfaces/wlr_buffer.h>
#include "vm.h"

static void guest_buffer_destroy(struct wlr_buffer *base)
{
    struct guest_buffer *buffer = wl_container_of(base, buffer, base);

    munmap(buffer->mapping, buffer->length);
    wl_list_remove(&buffer->release.link);
    if (buffer->vm) {
        wl_list_remove(&buffer->link);
        buffer->vm->buffers_count--;
        buffer->vm->pages -= buffer->length / 4096;
        vm_send_plain(buffer->vm, GUI_BUFFER_GONE, buffer->id, 0);
    }
    free(buffer);
}

/* Pages that a VM writes at any time: the readers take nothing from them but colours. */
static bool guest_buffer_begin(struct wlr_buffer *base, uint32_t flags, void **data, uint32_t *format, size_t *stride)
{
    struct guest_buffer *buffer = wl_container_of(base, buffer, base);

    if (flags & WLR_BUFFER_DATA_PTR_ACCESS_WRITE)
        return false;
    *data = (uint8_t *)buffer->mapping + buffer->offset;
    *format = buffer->format;
    *stride = buffer->stride;
    return true;
}

static void guest_buffer_end(struct wlr_buffer *base)
{
}

static const struct wlr_buffer_impl guest_buffer_impl = {
    .destroy = guest_buffer_destroy,
    .begin_data_ptr_access = guest_buffer_begin,
    .end_data_ptr_access = guest_buffer_end,
};

static void handle_buffer_release(struct wl_listener *listener, void *data)
{
    struct guest_buffer *buffer = wl_container_of(listener, buffer, release);

    if (buffer->vm)
        vm_send_plain(buffer->vm, GUI_BUFFER_RELEASED, buffer->id, 0);
}

const char *guest_buffer_create(struct vm *vm, const struct helper_buffer *description, int fd)
{
    const struct gui_buffer_new *wire = &description->buffer;

    if (guest_buffer_find(vm, wire->header.object))
        return "buffer id in use";
    if (vm->buffers_count >= GUI_BUFFERS_MAX || vm->pages + wire->pages > GUI_VM_PAGES_MAX)
        return "too many buffers";
    if (description->length != (uint64_t)wire->pages * 4096 || description->offset % 4096)
        return "length of the mapping";
    struct guest_buffer *buffer = calloc(1, sizeof(*buffer));
    if (!buffer)
        return "no memory";
    buffer->length = description->length;
    buffer->mapping = mmap(nullptr, buffer->length, PROT_READ, MAP_SHARED, fd, (off_t)description->offset);
    if (buffer->mapping == MAP_FAILED) {
        free(buffer);
        return "pages that cannot be mapped";
    }
    buffer->id = wire->header.object;
    buffer->format = wire->format;
    buffer->stride = wire->stride;
    buffer->offset = wire->offset;
    wlr_buffer_init(&buffer->base, &guest_buffer_impl, (int)wire->width, (int)wire->height);
    buffer->release.notify = handle_buffer_release;
    wl_signal_add(&buffer->base.events.release, &buffer->release);
    buffer->vm = vm;
    wl_list_insert(&vm->buffers, &buffer->link);
    vm->buffers_count++;
    vm->pages += wire->pages;
    return nullptr;
}

struct guest_buffer *guest_buffer_find(struct vm *vm, uint32_t id)
{
    struct guest_buffer *buffer;

    wl_list_for_each (buffer, &vm->buffers, link)
        if (buffer->id == id && !buffer->base.dropped)
            return buffer;
    return nullptr;
}

void guest_buffer_delete(struct guest_buffer *buffer)
{
    wlr_buffer_drop(&buffer->base);
}
