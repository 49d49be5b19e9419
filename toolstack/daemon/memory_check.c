/* memory_check.c - whether there is room for a VM, and what to do if not */
#include "toolstack/daemon/memory_check.h"

#include <stdio.h>

/* What a VM takes beside its own RAM: page tables and what the hypervisor keeps of it. */
static uint64_t overhead_mib(uint64_t memory_mib)
{
    return 4 + memory_mib / 128;
}

static void find_largest(const struct registry *r, const struct vm *largest[2])
{
    for (const struct vm *vm = r->first; vm; vm = vm->next) {
        if (vm->class == VM_ADMIN || vm->state == VM_HALTED)
            continue;
        if (!largest[0] || vm->memory_mib > largest[0]->memory_mib) {
            largest[1] = largest[0];
            largest[0] = vm;
        } else if (!largest[1] || vm->memory_mib > largest[1]->memory_mib) {
            largest[1] = vm;
        }
    }
}

static int put(char *why, size_t size, int used, const char *text)
{
    return (size_t)used < size ? used + snprintf(why + used, size - (size_t)used, "%s", text) : used;
}

bool memory_check(const struct registry *r, const struct vm *vm, uint64_t needed_mib, uint64_t free_mib, char *why,
                  size_t size)
{
    const struct vm *largest[2] = {};
    char part[128];
    uint64_t fits = free_mib > overhead_mib(free_mib) ? (free_mib - overhead_mib(free_mib)) / 50 * 50 : 0;

    if (needed_mib + overhead_mib(needed_mib) <= free_mib)
        return true;
    find_largest(r, largest);
    int used = snprintf(why, size, "'%s' needs %llu MiB, %llu MiB are free", vm->name, (unsigned long long)needed_mib,
                        (unsigned long long)free_mib);
    for (unsigned i = 0; i < 2 && largest[i]; i++) {
        const char *before = i ? " and " : largest[1] ? "; the largest holders are " : "; the largest holder is ";
        snprintf(part, sizeof(part), "%s'%s' (%llu MiB)", before, largest[i]->name,
                 (unsigned long long)largest[i]->memory_mib);
        used = put(why, size, used, part);
    }
    used = put(why, size, used, ".\n");
    used = put(why, size, used, largest[0] ? "Shut one down" : "Close programs in dom0");
    if (fits >= 100) {
        snprintf(part, sizeof(part), ", or lower its memory with: qvm-prefs %s memory %llu", vm->name,
                 (unsigned long long)fits);
        put(why, size, used, part);
    } else {
        put(why, size, used, ".");
    }
    return false;
}
