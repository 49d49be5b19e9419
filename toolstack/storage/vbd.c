/* vbd.c - a domain's virtual disks: the store's nodes that connect its blkfront with dom0's blkback */
#include "toolstack/storage/vbd.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <xen/xen.h>
#include <xen/io/xenbus.h>

enum { PATH_SIZE = 160, VALUE_SIZE = 640, XVD_MAJOR = 202 };

/* xvda is 202:0, xvdb 202:16 and so on. */
static unsigned device_number(unsigned index)
{
    return XVD_MAJOR << 8 | index << 4;
}

struct node {
    const char *name;
    char value[VALUE_SIZE];
};

static bool write_end(struct xs_handle *xs, xs_transaction_t t, const char *base, const struct node nodes[],
                      struct xs_permissions permissions[2])
{
    bool ok = xs_mkdir(xs, t, base) && xs_set_permissions(xs, t, base, permissions, 2);

    for (const struct node *n = nodes; ok && n->name; n++) {
        char path[PATH_SIZE + 32];
        snprintf(path, sizeof(path), "%s/%s", base, n->name);
        ok = xs_write(xs, t, path, n->value, (unsigned)strlen(n->value)) &&
             xs_set_permissions(xs, t, path, permissions, 2);
    }
    return ok;
}

static bool write_both(struct xs_handle *xs, xs_transaction_t t, unsigned domid, const struct vbd *vbd)
{
    char front[PATH_SIZE], back[PATH_SIZE];
    unsigned number = device_number(vbd->index);
    struct xs_permissions guest_owns[2] = {{.id = domid, .perms = XS_PERM_NONE}, {.id = 0, .perms = XS_PERM_READ}};
    struct xs_permissions guest_reads[2] = {{.id = 0, .perms = XS_PERM_NONE}, {.id = domid, .perms = XS_PERM_READ}};

    snprintf(front, sizeof(front), "/local/domain/%u/device/vbd/%u", domid, number);
    snprintf(back, sizeof(back), "/local/domain/0/backend/vbd/%u/%u", domid, number);
    struct node f[] = {{"backend", ""},        {"backend-id", "0"},     {"state", "1"},
                       {"virtual-device", ""}, {"device-type", "disk"}, {}};
    struct node b[] = {{"frontend", ""},
                       {"frontend-id", ""},
                       {"online", "1"},
                       {"state", "1"},
                       {"removable", "0"},
                       {"bootable", "1"},
                       {"dev", ""},
                       {"type", "phy"},
                       {"mode", ""},
                       {"device-type", "disk"},
                       {"discard-enable", "1"},
                       {"params", ""},
                       {"physical-device", ""},
                       {}};
    strcpy(f[0].value, back);
    snprintf(f[3].value, VALUE_SIZE, "%u", number);
    strcpy(b[0].value, front);
    snprintf(b[1].value, VALUE_SIZE, "%u", domid);
    snprintf(b[6].value, VALUE_SIZE, "xvd%c", 'a' + (int)vbd->index);
    strcpy(b[8].value, vbd->writable ? "w" : "r");
    snprintf(b[11].value, VALUE_SIZE, "%s", vbd->path);
    snprintf(b[12].value, VALUE_SIZE, "%x:%x", major(vbd->device), minor(vbd->device));
    return write_end(xs, t, front, f, guest_owns) && write_end(xs, t, back, b, guest_reads);
}

int vbd_attach(struct xs_handle *xs, unsigned domid, const struct vbd *vbd)
{
    for (;;) {
        xs_transaction_t t = xs_transaction_start(xs);
        if (t == XBT_NULL)
            return -errno;
        bool ok = write_both(xs, t, domid, vbd);
        int rc = ok ? 0 : -errno;
        if (xs_transaction_end(xs, t, !ok))
            return rc;
        if (errno != EAGAIN)
            return -errno;
    }
}

static void put(struct xs_handle *xs, const char *base, const char *name, const char *value)
{
    char path[PATH_SIZE + 32];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    xs_write(xs, XBT_NULL, path, value, (unsigned)strlen(value));
}

/* The guest cannot answer any more: dom0 says for it that it is done, then blkback closes and forgets the device. */
static void close_one(struct xs_handle *xs, unsigned domid, const char *number)
{
    char front[PATH_SIZE], back[PATH_SIZE];

    snprintf(front, sizeof(front), "/local/domain/%u/device/vbd/%s", domid, number);
    snprintf(back, sizeof(back), "/local/domain/0/backend/vbd/%u/%s", domid, number);
    put(xs, back, "online", "0");
    put(xs, front, "state", "6");
}

static bool is_closed(struct xs_handle *xs, unsigned domid, const char *number)
{
    char path[PATH_SIZE];
    unsigned length = 0;

    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%s/state", domid, number);
    char *state = xs_read(xs, XBT_NULL, path, &length);
    bool closed = !state || atoi(state) == XenbusStateClosed;
    free(state);
    return closed;
}

static bool all_closed(struct xs_handle *xs, unsigned domid, char **numbers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!is_closed(xs, domid, numbers[i]))
            return false;
    return true;
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Waits for any change below the watched path until `deadline`. Returns false when time is up. */
static bool wait_change(struct xs_handle *xs, long long deadline)
{
    struct pollfd p = {.fd = xs_fileno(xs), .events = POLLIN};
    long long left = deadline - now_ms();

    if (left <= 0 || poll(&p, 1, (int)left) == 0)
        return false;
    char **event = xs_check_watch(xs);
    free(event);
    return true;
}

int vbd_detach_all(struct xs_handle *xs, unsigned domid, unsigned seconds)
{
    char base[PATH_SIZE];
    unsigned count = 0;
    long long deadline = now_ms() + seconds * 1000LL;

    snprintf(base, sizeof(base), "/local/domain/0/backend/vbd/%u", domid);
    char **numbers = xs_directory(xs, XBT_NULL, base, &count);
    if (!numbers)
        return errno == ENOENT ? 0 : -errno;
    bool watched = xs_watch(xs, base, "vbd-detach");
    for (unsigned i = 0; i < count; i++)
        close_one(xs, domid, numbers[i]);
    bool closed;
    while (!(closed = all_closed(xs, domid, numbers, count)) && watched && wait_change(xs, deadline)) {
    }
    if (watched)
        xs_unwatch(xs, base, "vbd-detach");
    free(numbers);
    /* Removing the nodes makes the kernel drop devices that did not close in time. */
    xs_rm(xs, XBT_NULL, base);
    return closed ? 0 : -ETIMEDOUT;
}
