/* presence.c - a domain's nodes in the store, and its introduction to the store daemon */
#include "toolstack/domain/presence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolstack/domain/platform.h"
#include "toolstack/domain/store_write.h"

enum { PATH_SIZE = 128 };

static void write_identity(struct store_writer *w, const struct domain_presence *d, const char *home)
{
    char vm[PATH_SIZE];

    snprintf(vm, sizeof(vm), "/vm/%s", d->uuid);
    store_put(w, STORE_GUEST_READS, vm, "", "%s", "");
    store_put(w, STORE_GUEST_READS, vm, "name", "%s", d->name);
    store_put(w, STORE_GUEST_READS, vm, "uuid", "%s", d->uuid);
    store_put(w, STORE_GUEST_READS, home, "", "%s", "");
    store_put(w, STORE_GUEST_READS, home, "vm", "%s", vm);
    store_put(w, STORE_GUEST_READS, home, "name", "%s", d->name);
    store_put(w, STORE_GUEST_READS, home, "domid", "%u", d->domid);
}

static void write_resources(struct store_writer *w, const struct domain_presence *d, const char *home)
{
    store_put(w, STORE_GUEST_READS, home, "memory", "%s", "");
    store_put(w, STORE_GUEST_READS, home, "memory/static-max", "%llu", (unsigned long long)d->memory_kib);
    store_put(w, STORE_GUEST_READS, home, "memory/target", "%llu", (unsigned long long)d->memory_kib);
    store_put(w, STORE_GUEST_READS, home, "memory/videoram", "0");
    store_put(w, STORE_GUEST_READS, home, "cpu", "%s", "");
    for (unsigned i = 0; i < d->vcpus; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof(path), "cpu/%u", i);
        store_put(w, STORE_GUEST_READS, home, path, "%s", "");
        snprintf(path, sizeof(path), "cpu/%u/availability", i);
        store_put(w, STORE_GUEST_READS, home, path, "online");
    }
}

/* The nodes under control that the guest answers in are its own; what else the store daemon's quotas bound. */
static void write_control(struct store_writer *w, const char *home)
{
    static const char *const answers[] = {"shutdown",     "sysrq",           "feature-poweroff", "feature-reboot",
                                          "feature-halt", "feature-suspend", "feature-s3",       "feature-s4"};

    store_put(w, STORE_GUEST_OWNS, home, "control", "%s", "");
    store_put(w, STORE_GUEST_READS, home, "control/platform-feature-xs_reset_watches", "1");
    store_put(w, STORE_GUEST_READS, home, "control/platform-feature-multiprocessor-suspend", "1");
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof(path), "control/%s", answers[i]);
        store_put(w, STORE_GUEST_OWNS, home, path, "%s", "");
    }
}

static void write_rings(struct store_writer *w, const struct domain_presence *d, const char *home)
{
    store_put(w, STORE_GUEST_READS, home, "store", "%s", "");
    store_put(w, STORE_GUEST_READS, home, "store/ring-ref", "%llu", PLATFORM_XENSTORE_GFN);
    store_put(w, STORE_GUEST_READS, home, "store/port", "%u", d->store_port);
    store_put(w, STORE_GUEST_READS, home, "console", "%s", "");
    store_put(w, STORE_GUEST_READS, home, "console/ring-ref", "%llu", PLATFORM_CONSOLE_GFN);
    store_put(w, STORE_GUEST_READS, home, "console/port", "%u", d->console_port);
    store_put(w, STORE_GUEST_READS, home, "console/limit", "1048576");
    store_put(w, STORE_GUEST_READS, home, "console/type", "xenconsoled");
    store_put(w, STORE_GUEST_READS, home, "console/output", "pty");
    store_put(w, STORE_GUEST_READS, home, "console/tty", "%s", "");
}

static void write_folders(struct store_writer *w, const char *home)
{
    static const char *const readable[] = {"device", "backend"};
    static const char *const owned[] = {"data", "drivers", "feature", "attr", "error"};

    for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
        store_put(w, STORE_GUEST_READS, home, readable[i], "%s", "");
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        store_put(w, STORE_GUEST_OWNS, home, owned[i], "%s", "");
}

static int write_tree(struct xs_handle *xs, const struct domain_presence *d)
{
    char home[PATH_SIZE];

    snprintf(home, sizeof(home), "/local/domain/%u", d->domid);
    for (;;) {
        struct store_writer w = {.xs = xs, .guest = d->domid, .transaction = xs_transaction_start(xs)};
        if (w.transaction == XBT_NULL)
            return -errno;
        /* An id that was used before may have left something. */
        xs_rm(xs, w.transaction, home);
        write_identity(&w, d, home);
        write_resources(&w, d, home);
        write_control(&w, home);
        write_rings(&w, d, home);
        write_folders(&w, home);
        if (xs_transaction_end(xs, w.transaction, w.error != 0))
            return w.error;
        if (errno != EAGAIN)
            return -errno;
    }
}

int presence_create(struct xs_handle *xs, const struct domain_presence *d)
{
    int rc = write_tree(xs, d);

    if (rc == 0 && !xs_introduce_domain(xs, d->domid, PLATFORM_XENSTORE_GFN, d->store_port))
        rc = -errno;
    return rc;
}

static void remove_backends(struct xs_handle *xs, domid_t domid)
{
    unsigned count = 0;
    char **classes = xs_directory(xs, XBT_NULL, "/local/domain/0/backend", &count);

    for (unsigned i = 0; classes && i < count; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", classes[i], domid);
        xs_rm(xs, XBT_NULL, path);
    }
    free(classes);
}

void presence_remove(struct xs_handle *xs, domid_t domid, const char *uuid)
{
    char path[PATH_SIZE];

    xs_release_domain(xs, domid);
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    xs_rm(xs, XBT_NULL, path);
    remove_backends(xs, domid);
    snprintf(path, sizeof(path), "/vm/%s", uuid);
    xs_rm(xs, XBT_NULL, path);
}

int presence_ask_shutdown(struct xs_handle *xs, domid_t domid, const char *how)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
    return xs_write(xs, XBT_NULL, path, how, (unsigned)strlen(how)) ? 0 : -errno;
}
