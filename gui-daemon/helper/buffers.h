/* buffers.h - the buffers a VM has shown, and the one whose references are coming in. Pure: the mapping is the
 * caller's. */
#pragma once
#include "common/gui_wire.h"

struct buffer_entry {
    uint32_t id; /* 0: free */
    uint32_t pages;
    uint64_t offset;
    bool deleted; /* BUFFER_DEL came, BUFFER_GONE not yet */
};

struct buffers {
    struct buffer_entry entries[GUI_BUFFERS_MAX];
    uint32_t count;
    uint64_t pages;
    struct gui_buffer_new incoming; /* header.object 0: none */
    uint32_t have;
    uint32_t refs[GUI_BUFFER_PAGES_MAX];
};

/* BUFFER_NEW, fields checked. Returns a reason to disconnect, or nullptr. */
[[nodiscard]] const char *buffers_begin(struct buffers *buffers, const struct gui_buffer_new *wire);

/* BUFFER_REFS, fields checked. *complete tells that incoming and refs are whole: buffers_end() is due. */
[[nodiscard]] const char *buffers_add(struct buffers *buffers, const struct gui_buffer_refs *wire, bool *complete);

/* The incoming buffer is mapped at `offset`. */
void buffers_end(struct buffers *buffers, uint64_t offset);

/* BUFFER_DEL. Returns a reason if there is no such buffer. */
[[nodiscard]] const char *buffers_delete(struct buffers *buffers, uint32_t id);

/* The compositor unmapped it: frees the entry and copies it to *was. Returns false if there is none. */
[[nodiscard]] bool buffers_gone(struct buffers *buffers, uint32_t id, struct buffer_entry *was);
