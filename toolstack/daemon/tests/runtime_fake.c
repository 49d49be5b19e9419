/* runtime_fake.c - VMs that are only pretended, so that atolld and the commands can be tried without a hypervisor
 *
 * The kernel options of a VM say how its guest behaves: "fake=stubborn" ignores the request to power off, "fake=crash"
 * dies when asked, "fake=broken" cannot be started, "fake=slow" takes half a second to start and to end. There are
 * ATOLL_FAKE_MEMORY MiB in all (default 4096).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "toolstack/daemon/runtime.h"

enum { DOMAINS_MAX = 32 };

struct fake_domain {
    struct runtime_domain d;
    bool exists, stubborn, crashes, slow;
};

struct fake_runtime {
    struct runtime base;
    pthread_mutex_t lock;
    uint64_t free_kib;
    unsigned last_domid;
    struct fake_domain domains[DOMAINS_MAX];
};

static struct fake_runtime *of(struct runtime *self)
{
    return (struct fake_runtime *)self;
}

static struct fake_domain *find(struct fake_runtime *f, unsigned domid)
{
    for (size_t i = 0; i < DOMAINS_MAX; i++)
        if (f->domains[i].exists && f->domains[i].d.domid == domid)
            return &f->domains[i];
    return nullptr;
}

static struct fake_domain *find_free(struct fake_runtime *f)
{
    for (size_t i = 0; i < DOMAINS_MAX; i++)
        if (!f->domains[i].exists)
            return &f->domains[i];
    return nullptr;
}

/* The real one needs all of these, too. */
static int check_files(const struct runtime_start *r, char why[RUNTIME_WHY_MAX])
{
    const char *const paths[] = {r->kernel, r->initrd, r->volumes->root, r->volumes->private_, r->volumes->volatile_};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (access(paths[i], R_OK) < 0) {
            snprintf(why, RUNTIME_WHY_MAX, "%.200s: %s.", paths[i], strerror(errno));
            return -ENOENT;
        }
    }
    return 0;
}

static int fake_start(struct runtime *self, const struct runtime_start *r, unsigned *domid, char why[RUNTIME_WHY_MAX])
{
    struct fake_runtime *f = of(self);
    int rc = check_files(r, why);

    if (rc == 0 && strstr(r->cmdline, "fake=broken")) {
        snprintf(why, RUNTIME_WHY_MAX, "the pretended hypervisor refused.");
        rc = -EIO;
    }
    if (rc)
        return rc;
    if (strstr(r->cmdline, "fake=slow"))
        usleep(500000);
    pthread_mutex_lock(&f->lock);
    struct fake_domain *d = find_free(f);
    if (d) {
        *d = (struct fake_domain){.exists = true,
                                  .stubborn = strstr(r->cmdline, "fake=stubborn"),
                                  .crashes = strstr(r->cmdline, "fake=crash"),
                                  .slow = strstr(r->cmdline, "fake=slow"),
                                  .d = {.domid = ++f->last_domid, .memory_kib = r->memory_mib * 1024}};
        memcpy(d->d.uuid, r->uuid, sizeof(d->d.uuid));
        *domid = d->d.domid;
        f->free_kib -= d->d.memory_kib;
    }
    pthread_mutex_unlock(&f->lock);
    return d ? 0 : -ENOSPC;
}

static int fake_stop(struct runtime *self, unsigned domid, const char *uuid_text, const struct volume_set *volumes)
{
    struct fake_runtime *f = of(self);

    pthread_mutex_lock(&f->lock);
    struct fake_domain *d = find(f, domid);
    bool slow = d && d->slow;
    pthread_mutex_unlock(&f->lock);
    if (slow)
        usleep(500000);
    pthread_mutex_lock(&f->lock);
    if (d) {
        d->exists = false;
        f->free_kib += d->d.memory_kib;
    }
    pthread_mutex_unlock(&f->lock);
    return d ? 0 : -ESRCH;
}

static int set_paused(struct runtime *self, unsigned domid, bool paused)
{
    struct fake_runtime *f = of(self);

    pthread_mutex_lock(&f->lock);
    struct fake_domain *d = find(f, domid);
    if (d)
        d->d.paused = paused;
    pthread_mutex_unlock(&f->lock);
    return d ? 0 : -ESRCH;
}

static int fake_pause(struct runtime *self, unsigned domid)
{
    return set_paused(self, domid, true);
}

static int fake_unpause(struct runtime *self, unsigned domid)
{
    return set_paused(self, domid, false);
}

static int fake_ask_shutdown(struct runtime *self, unsigned domid)
{
    struct fake_runtime *f = of(self);

    pthread_mutex_lock(&f->lock);
    struct fake_domain *d = find(f, domid);
    if (d && !d->stubborn) {
        d->d.ended = true;
        d->d.reason = d->crashes ? SHUTDOWN_crash : SHUTDOWN_poweroff;
        eventfd_write(self->changed_fd, 1);
    }
    pthread_mutex_unlock(&f->lock);
    return d ? 0 : -ESRCH;
}

static int fake_look(struct runtime *self, unsigned domid, struct runtime_domain *out)
{
    struct fake_runtime *f = of(self);

    pthread_mutex_lock(&f->lock);
    struct fake_domain *d = find(f, domid);
    if (d)
        *out = d->d;
    pthread_mutex_unlock(&f->lock);
    return d ? 0 : -ESRCH;
}

static int fake_list(struct runtime *self, struct runtime_domain out[], size_t max)
{
    return 0; /* domains do not outlive the program */
}

static int fake_free_memory(struct runtime *self, uint64_t *kib)
{
    struct fake_runtime *f = of(self);

    pthread_mutex_lock(&f->lock);
    *kib = f->free_kib;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static void fake_changes_seen(struct runtime *self)
{
    eventfd_t count;

    eventfd_read(self->changed_fd, &count);
}

static void fake_close(struct runtime *self)
{
    close(self->changed_fd);
    free(self);
}

int runtime_open(struct runtime **out)
{
    struct fake_runtime *f = calloc(1, sizeof(*f));
    const char *memory = getenv("ATOLL_FAKE_MEMORY");

    if (!f)
        return -ENOMEM;
    f->base = (struct runtime){.start = fake_start,
                               .stop = fake_stop,
                               .pause = fake_pause,
                               .unpause = fake_unpause,
                               .ask_shutdown = fake_ask_shutdown,
                               .look = fake_look,
                               .list = fake_list,
                               .free_memory = fake_free_memory,
                               .changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                               .changes_seen = fake_changes_seen,
                               .close = fake_close};
    pthread_mutex_init(&f->lock, nullptr);
    f->free_kib = (memory ? strtoull(memory, nullptr, 10) : 4096) * 1024;
    *out = &f->base;
    return 0;
}
