/* store_write.c - formatted writes into the store, with permissions */
#include "toolstack/domain/store_write.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 512, VALUE_SIZE = 1024 };

void store_put(struct store_writer *w, enum store_access access, const char *base, const char *path, const char *format,
               ...)
{
    char node[PATH_SIZE], value[VALUE_SIZE];
    struct xs_permissions guest_reads[2] = {{.id = 0, .perms = XS_PERM_NONE}, {.id = w->guest, .perms = XS_PERM_READ}};
    struct xs_permissions guest_owns[1] = {{.id = w->guest, .perms = XS_PERM_NONE}};
    bool owned = access == STORE_GUEST_OWNS;
    va_list args;

    if (w->error)
        return;
    int path_length = snprintf(node, sizeof(node), *path ? "%s/%s" : "%s", base, path);
    va_start(args, format);
    int length = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (path_length >= PATH_SIZE || length >= VALUE_SIZE) {
        w->error = -E2BIG;
        return;
    }
    if (!xs_write(w->xs, w->transaction, node, value, (unsigned)length) ||
        !xs_set_permissions(w->xs, w->transaction, node, owned ? guest_owns : guest_reads, owned ? 1 : 2))
        w->error = errno ? -errno : -EIO;
}
