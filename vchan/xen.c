/* xen.c - transport between domains: the server grants pages, an event channel is the bell, xenstore is where both meet
 *
 * The server publishes .../data/vchan/CLIENT/PORT/{ring-ref,event-channel} under its home in the store. Both sides ask
 * their kernel to clear their live byte and ring when their memory goes away, so that a killed process closes its
 * channels.
 */
#include "vchan/transport.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "common/xen/evtchn.h"
#include "common/xen/gntalloc.h"
#include "common/xen/gntdev.h"
#include "vchan/libvchan.h"
#include "vchan/store.h"

struct transport {
    struct store *store;
    int store_error; /* why there is none */
    char path[80];   /* the channel's folder in the store */
    unsigned int own, peer;
    int epoll; /* the bell, and the store's word that the peer's domain is gone */
    int evtchn, grants;
    port_t port;
    bool is_server;
    bool published;
    struct gntalloc_pages given_page, given_left, given_right;    /* server */
    struct gntdev_mapping mapped_page, mapped_left, mapped_right; /* client */
};

static struct transport *transport_new(int domain, bool is_server)
{
    struct transport *t = calloc(1, sizeof(*t));

    if (!t)
        return nullptr;
    t->peer = (unsigned int)domain;
    t->is_server = is_server;
    t->epoll = epoll_create1(EPOLL_CLOEXEC);
    t->store = store_open();
    t->store_error = errno;
    t->evtchn = evtchn_open();
    t->grants = is_server ? gntalloc_open() : gntdev_open();
    return t;
}

/* The first thing that could not be opened. */
static int opened(const struct transport *t)
{
    if (t->epoll < 0)
        return -EMFILE;
    if (!t->store)
        return -t->store_error;
    return t->evtchn < 0 ? t->evtchn : t->grants < 0 ? t->grants : 0;
}

static int watch(struct transport *t, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Only dom0 may learn of the death of domains; elsewhere the bell has to do. */
static int watch_for_death(struct transport *t)
{
    int r = watch(t, t->evtchn);

    if (r == 0 && store_watch(t->store, "@releaseDomain") == 0)
        r = watch(t, store_fd(t->store));
    return r;
}

static int grant(struct transport *t, uint32_t pages, grant_ref_t refs[], struct gntalloc_pages *out)
{
    return pages ? gntalloc_alloc(t->grants, (domid_t)t->peer, pages, true, refs, out) : 0;
}

static int make_ring(struct transport *t, unsigned int left, unsigned int right, struct ring *ring, grant_ref_t *ref)
{
    grant_ref_t refs[RING_GRANTS_MAX];
    int r = grant(t, 1, ref, &t->given_page);

    if (r == 0)
        r = grant(t, ring_pages(left), refs, &t->given_left);
    if (r == 0)
        r = grant(t, ring_pages(right), refs + ring_pages(left), &t->given_right);
    if (r < 0)
        return r;
    struct vchan_interface *page = t->given_page.address;
    memcpy(page->grants, refs, (ring_pages(left) + ring_pages(right)) * sizeof(refs[0]));
    ring_format(page, left, right);
    ring_attach(ring, page, true, left, right, t->given_left.address, t->given_right.address);
    return 0;
}

static int publish(struct transport *t, grant_ref_t ref)
{
    char node[100];

    t->published = true;
    snprintf(node, sizeof(node), "%s/ring-ref", t->path);
    int r = store_publish(t->store, node, ref, t->own, t->peer);
    if (r < 0)
        return r;
    /* Last: this is what the client waits for. */
    snprintf(node, sizeof(node), "%s/event-channel", t->path);
    return store_publish(t->store, node, t->port, t->own, t->peer);
}

/* Unless another server of this domain has published its own channel there since. */
static void withdraw(struct transport *t)
{
    char node[100];
    uint32_t port;

    snprintf(node, sizeof(node), "%s/event-channel", t->path);
    if (store_read_number(t->store, node, &port) < 0 || port == t->port)
        store_remove(t->store, t->path);
}

static int serve(struct transport *t, unsigned int left, unsigned int right, struct ring *ring)
{
    grant_ref_t ref;
    int r = store_own_domain(t->store, &t->own);

    if (r == 0)
        r = evtchn_bind_unbound(t->evtchn, (domid_t)t->peer);
    if (r < 0)
        return r;
    t->port = (port_t)r;
    r = make_ring(t, left, right, ring, &ref);
    if (r == 0)
        r = gntalloc_notify_on_free(t->grants, &t->given_page, offsetof(struct vchan_interface, srv_live), t->port);
    if (r == 0)
        r = publish(t, ref);
    return r < 0 ? r : watch_for_death(t);
}

struct transport *transport_serve(int domain, int port, unsigned int left, unsigned int right, struct ring *ring)
{
    struct transport *t = transport_new(domain, true);

    if (!t)
        return nullptr;
    int r = opened(t);
    snprintf(t->path, sizeof(t->path), "data/vchan/%d/%d", domain, port);
    if (r == 0)
        r = serve(t, left, right, ring);
    if (r < 0) {
        transport_close(t, ring);
        errno = -r;
        return nullptr;
    }
    return t;
}

struct transport *transport_seek(int domain, int port)
{
    struct transport *t = transport_new(domain, false);
    char node[100];

    if (!t)
        return nullptr;
    int r = opened(t);
    if (r == 0)
        r = store_own_domain(t->store, &t->own);
    if (r == 0) {
        snprintf(t->path, sizeof(t->path), "/local/domain/%d/data/vchan/%u/%d", domain, t->own, port);
        snprintf(node, sizeof(node), "%s/event-channel", t->path);
        r = store_watch(t->store, node);
    }
    if (r < 0) {
        struct ring none = {};
        transport_close(t, &none);
        errno = -r;
        return nullptr;
    }
    return t;
}

int transport_seek_fd(const struct transport *t)
{
    return store_fd(t->store);
}

static int map(struct transport *t, uint32_t pages, const grant_ref_t refs[], struct gntdev_mapping *out)
{
    return pages ? gntdev_map(t->grants, (domid_t)t->peer, pages, refs, true, out) : 0;
}

static int map_ring(struct transport *t, grant_ref_t ref, struct ring *ring)
{
    grant_ref_t refs[RING_GRANTS_MAX];
    int r = map(t, 1, &ref, &t->mapped_page);

    if (r < 0)
        return r;
    /* Each once: the server could change them between check and use. */
    struct vchan_interface *page = t->mapped_page.address;
    unsigned int left = __atomic_load_n(&page->left_order, __ATOMIC_RELAXED);
    unsigned int right = __atomic_load_n(&page->right_order, __ATOMIC_RELAXED);
    if (!ring_orders_valid(left, right))
        return -EPROTO;
    memcpy(refs, page->grants, (ring_pages(left) + ring_pages(right)) * sizeof(refs[0]));
    r = map(t, ring_pages(left), refs, &t->mapped_left);
    if (r == 0)
        r = map(t, ring_pages(right), refs + ring_pages(left), &t->mapped_right);
    if (r == 0)
        ring_attach(ring, page, false, left, right, t->mapped_left.address, t->mapped_right.address);
    return r;
}

static void unmap_all(struct transport *t)
{
    gntdev_unmap(t->grants, &t->mapped_left);
    gntdev_unmap(t->grants, &t->mapped_right);
    gntdev_unmap(t->grants, &t->mapped_page);
}

static int connect_to(struct transport *t, port_t remote, grant_ref_t ref, struct ring *ring)
{
    int r = evtchn_bind_interdomain(t->evtchn, (domid_t)t->peer, remote);

    if (r < 0)
        return r;
    t->port = (port_t)r;
    r = map_ring(t, ref, ring);
    if (r == 0)
        r = gntdev_notify_on_unmap(t->grants, &t->mapped_page, offsetof(struct vchan_interface, cli_live), t->port);
    if (r < 0) {
        ring->page = nullptr;
        unmap_all(t);
        evtchn_unbind(t->evtchn, t->port);
        t->port = 0;
    }
    return r;
}

int transport_found(struct transport *t, struct ring *ring)
{
    char node[100];
    uint32_t port, ref;
    int r = store_fired(t->store);

    if (r < 0)
        return r;
    snprintf(node, sizeof(node), "%s/event-channel", t->path);
    r = store_read_number(t->store, node, &port);
    if (r == 0) {
        snprintf(node, sizeof(node), "%s/ring-ref", t->path);
        r = store_read_number(t->store, node, &ref);
    }
    /* Not there, or not yet ours to read. */
    if (r == -ENOENT || r == -EACCES)
        return 1;
    if (r < 0)
        return r;
    r = connect_to(t, port, ref, ring);
    /* What an earlier server left behind does not connect; the next one will change the node and wake us. */
    if (r == -EINVAL || r == -ENOENT)
        return 1;
    return r < 0 ? r : watch_for_death(t);
}

void transport_notify(struct transport *t)
{
    if (t->port)
        evtchn_notify(t->evtchn, t->port);
}

int transport_fd(const struct transport *t)
{
    return t->epoll;
}

/* The bell is armed again before anyone looks at the ring. */
static int silence(struct transport *t)
{
    int port = evtchn_pending(t->evtchn);

    if (port == -EAGAIN)
        return 0;
    return port < 0 ? port : evtchn_unmask(t->evtchn, (port_t)port);
}

static bool store_tells_of_death(struct transport *t)
{
    int r = store_fired(t->store);

    /* dom0 never goes, and at boot the store may not have met it yet. */
    if (r == 1 && t->peer != 0)
        return store_domain_exists(t->store, t->peer) == 0;
    if (r < 0) {
        /* The store is gone; the channel does not need it any more. */
        store_close(t->store);
        t->store = nullptr;
    }
    return false;
}

int transport_wait(struct transport *t, struct ring *ring, int timeout)
{
    struct epoll_event event;
    int n = epoll_wait(t->epoll, &event, 1, timeout);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0)
        return 0;
    if (event.data.fd == t->evtchn)
        return silence(t);
    if (store_tells_of_death(t))
        ring_set_peer_gone(ring);
    return 0;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void transport_close(struct transport *t, struct ring *ring)
{
    if (t->published && t->store)
        withdraw(t);
    if (ring->page) {
        ring_set_live(ring, VCHAN_DISCONNECTED);
        transport_notify(t);
    }
    if (t->is_server && t->grants >= 0) {
        gntalloc_free(t->grants, &t->given_left);
        gntalloc_free(t->grants, &t->given_right);
        gntalloc_free(t->grants, &t->given_page);
    } else if (t->grants >= 0) {
        unmap_all(t);
    }
    close_fd(t->grants);
    close_fd(t->evtchn);
    close_fd(t->epoll);
    store_close(t->store);
    free(t);
}
