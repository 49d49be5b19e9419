/* runtime_xen.c - VMs as PVH domains of the hypervisor */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "common/log.h"
#include "toolstack/daemon/runtime.h"
#include "toolstack/domain/build.h"
#include "toolstack/domain/presence.h"
#include "toolstack/storage/loop.h"
#include "toolstack/storage/scratch_crypt.h"
#include "toolstack/storage/vbd.h"

enum { DETACH_SECONDS = 10 };
enum { DISK_ROOT, DISK_PRIVATE, DISK_VOLATILE };

/* The worker has handles of its own: neither hypercall buffers nor a store connection are shared between threads. */
struct xen_runtime {
    struct runtime base;
    struct control control, worker_control;
    struct xs_handle *xs, *worker_xs;
};

static struct xen_runtime *of(struct runtime *self)
{
    return (struct xen_runtime *)self;
}

/* Guests put what they swap out into the volatile volume: it is encrypted with a key that ends with the domain. */
static void crypt_name(char out[64], unsigned domid)
{
    snprintf(out, 64, "atoll-volatile-%u", domid);
}

static int open_disk(unsigned domid, unsigned index, const char *path, dev_t *device)
{
    char name[64];
    dev_t loop;
    int rc = loop_attach(path, &loop);

    if (rc)
        return rc;
    *device = loop;
    if (index != DISK_VOLATILE)
        return 0;
    crypt_name(name, domid);
    return scratch_crypt_open(name, loop, device);
}

static int attach_disks(struct xen_runtime *x, unsigned domid, const struct volume_set *v, char why[RUNTIME_WHY_MAX])
{
    const char *const paths[] = {v->root, v->private_, v->volatile_};
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < 3; i++) {
        struct vbd vbd = {.index = i, .path = paths[i], .writable = true};
        if (!*paths[i])
            continue;
        rc = open_disk(domid, i, paths[i], &vbd.device);
        if (rc == 0)
            rc = vbd_attach(x->worker_xs, domid, &vbd);
        if (rc)
            snprintf(why, RUNTIME_WHY_MAX, "its volume %.200s cannot be attached: %s.", paths[i], strerror(-rc));
    }
    return rc;
}

static unsigned long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

static int detach_disks(struct xen_runtime *x, unsigned domid, const struct volume_set *v)
{
    const char *const paths[] = {v->root, v->private_, v->volatile_};
    char name[64];
    unsigned long long begun = now_ms();
    int rc = vbd_detach_all(x->worker_xs, domid, DETACH_SECONDS);

    log_debug("domain %u: blkback took %llu ms", domid, now_ms() - begun);
    if (rc)
        log_warning("domain %u: its disks did not close: %s", domid, strerror(-rc));
    crypt_name(name, domid);
    int one = scratch_crypt_close(name);
    rc = rc ? rc : one;
    for (unsigned i = 0; i < 3; i++) {
        one = *paths[i] ? loop_detach(paths[i]) : 0;
        rc = rc ? rc : one;
    }
    return rc;
}

static int xen_stop(struct runtime *self, unsigned domid, const char *uuid_text, const struct volume_set *volumes)
{
    struct xen_runtime *x = of(self);

    /* It may still run. Not while its disks go; then its memory, when nothing has it mapped any more. */
    int rc = control_pause(&x->worker_control, (domid_t)domid);
    bool gone = rc == -ESRCH;
    unsigned long long begun = now_ms();
    int detached = detach_disks(x, domid, volumes);
    unsigned long long disks_gone = now_ms();
    if (!gone)
        rc = control_destroy(&x->worker_control, (domid_t)domid);
    presence_remove(x->worker_xs, (domid_t)domid, uuid_text);
    log_debug("domain %u: disks took %llu ms, the rest %llu ms", domid, disks_gone - begun, now_ms() - disks_gone);
    return gone ? detached : rc ? rc : detached;
}

static int present(struct xen_runtime *x, const struct runtime_start *r, const struct built_domain *built,
                   char why[RUNTIME_WHY_MAX])
{
    struct domain_presence presence = {.domid = built->domid,
                                       .name = r->name,
                                       .uuid = r->uuid_text,
                                       .memory_kib = r->memory_mib * 1024,
                                       .vcpus = r->vcpus,
                                       .store_port = built->store_port,
                                       .console_port = built->console_port};
    int rc = presence_create(x->worker_xs, &presence);

    if (rc)
        snprintf(why, RUNTIME_WHY_MAX, "it cannot be entered into the store: %s (is xenstored running?).",
                 strerror(-rc));
    return rc;
}

static int xen_start(struct runtime *self, const struct runtime_start *r, unsigned *domid, char why[RUNTIME_WHY_MAX])
{
    struct xen_runtime *x = of(self);
    struct domain_spec spec = {.memory_mib = r->memory_mib,
                               .vcpus = r->vcpus,
                               .kernel = r->kernel,
                               .initrd = r->initrd,
                               .cmdline = r->cmdline};
    struct built_domain built;
    char build_why[DOMAIN_ERROR_MAX];

    memcpy(spec.uuid, r->uuid, sizeof(spec.uuid));
    int rc = domain_build(&x->worker_control, &spec, &built, build_why);
    if (rc) {
        snprintf(why, RUNTIME_WHY_MAX, "%s", build_why);
        return rc;
    }
    rc = present(x, r, &built, why);
    if (rc == 0)
        rc = attach_disks(x, built.domid, r->volumes, why);
    if (rc == 0) {
        rc = control_unpause(&x->worker_control, built.domid);
        if (rc)
            snprintf(why, RUNTIME_WHY_MAX, "it cannot be unpaused: %s.", strerror(-rc));
    }
    if (rc && xen_stop(self, built.domid, r->uuid_text, r->volumes))
        log_error("domain %u: what a failed start left could not all be removed", built.domid);
    *domid = built.domid;
    return rc;
}

static int xen_pause(struct runtime *self, unsigned domid)
{
    return control_pause(&of(self)->control, (domid_t)domid);
}

static int xen_unpause(struct runtime *self, unsigned domid)
{
    return control_unpause(&of(self)->control, (domid_t)domid);
}

static int xen_ask_shutdown(struct runtime *self, unsigned domid)
{
    return presence_ask_shutdown(of(self)->xs, (domid_t)domid, "poweroff");
}

static struct runtime_domain convert(const struct domain_info *info)
{
    struct runtime_domain d = {.domid = info->domid,
                               .ended = info->shutdown || info->dying,
                               .paused = info->paused,
                               .reason = info->shutdown ? info->shutdown_reason : SHUTDOWN_crash,
                               .memory_kib = info->memory_kib,
                               .cpu_time_ns = info->cpu_time_ns};
    memcpy(d.uuid, info->uuid, sizeof(d.uuid));
    return d;
}

static int xen_look(struct runtime *self, unsigned domid, struct runtime_domain *out)
{
    struct domain_info info;
    int rc = control_info(&of(self)->control, (domid_t)domid, &info);

    if (rc == 0)
        *out = convert(&info);
    return rc;
}

static int xen_list(struct runtime *self, struct runtime_domain out[], size_t max)
{
    struct domain_info infos[64];
    int count = control_list(&of(self)->control, 1, infos, max < 64 ? max : 64);

    for (int i = 0; i < count; i++)
        out[i] = convert(&infos[i]);
    return count;
}

static int xen_free_memory(struct runtime *self, uint64_t *kib)
{
    return control_free_memory(&of(self)->control, kib);
}

static void xen_changes_seen(struct runtime *self)
{
    char **event;

    while ((event = xs_check_watch(of(self)->xs)))
        free(event);
}

static void xen_close(struct runtime *self)
{
    struct xen_runtime *x = of(self);

    if (x->xs)
        xs_close(x->xs);
    if (x->worker_xs)
        xs_close(x->worker_xs);
    control_close(&x->control);
    control_close(&x->worker_control);
    free(x);
}

int runtime_open(struct runtime **out)
{
    struct xen_runtime *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;

    x->base = (struct runtime){.start = xen_start,
                               .stop = xen_stop,
                               .pause = xen_pause,
                               .unpause = xen_unpause,
                               .ask_shutdown = xen_ask_shutdown,
                               .look = xen_look,
                               .list = xen_list,
                               .free_memory = xen_free_memory,
                               .changes_seen = xen_changes_seen,
                               .close = xen_close};
    x->control.privcmd = x->worker_control.privcmd = -1;
    int rc = control_open(&x->control);
    if (rc == 0)
        rc = control_open(&x->worker_control);
    if (rc == 0 &&
        (!(x->xs = xs_open(0)) || !(x->worker_xs = xs_open(0)) || !xs_watch(x->xs, "@releaseDomain", "release")))
        rc = errno ? -errno : -ENOTCONN;
    if (rc) {
        xen_close(&x->base);
        return rc;
    }
    x->base.changed_fd = xs_fileno(x->xs);
    *out = &x->base;
    return 0;
}
