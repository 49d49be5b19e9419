/* build_id.c - the linker's build id, read out of its ELF note */
#include <hv/hypercall.h>
#include <hv/string.h>

/* hypervisor.lds puts these around .note.gnu.build-id */
extern const uint8_t __build_id_start[], __build_id_end[];

struct note {
    uint32_t name_bytes, id_bytes, type;
    char name[4];
};

const uint8_t *build_id(size_t *bytes)
{
    struct note note;
    size_t room = (size_t)((uintptr_t)__build_id_end - (uintptr_t)__build_id_start);

    *bytes = 0;
    if (room < sizeof(note))
        return NULL;
    memcpy(&note, __build_id_start, sizeof(note));
    if (note.name_bytes != sizeof(note.name) || note.id_bytes > room - sizeof(note))
        return NULL;
    *bytes = note.id_bytes;
    return __build_id_start + sizeof(note);
}
