#include "guests.h"
#include "common/log.h"
#include "common/xen/evtchn.h"
#include "common/xen/gntdev.h"
#include "connection.h"
#include "domain.h"
#include "domain_state.h"
#include "memory.h"
#include "ring.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/grant_table.h>

/* The kernel's side of dom0's own connection has no header in user space. */
#define BACKEND_DEVICE     "/dev/xen/xenbus_backend"
#define BACKEND_EVENT_PORT _IO('B', 0)
#define PAGE_BYTES         4096

#define EVENTS_AT_ONCE 64

/* One ring. */
struct guest {
    struct guest *next;
    struct guests *guests;
    domid_t domid;
    port_t port; /* ours; 0 after it misbehaved */
    bool wanted; /* to be pumped from the event loop */
    struct ring ring;
    struct gntdev_mapping mapping; /* not used for dom0's own */
    struct connection *connection;
};

struct guests {
    sd_event *event;
    sd_event_source *pump_source;
    struct store *store;
    struct domain_states *states;
    int evtchn;
    int gntdev;
    port_t domain_port; /* VIRQ_DOM_EXC */
    struct guest *list;
};

static void want(void *context)
{
    struct guest *guest = context;

    guest->wanted = true;
    sd_event_source_set_enabled(guest->guests->pump_source, SD_EVENT_ON);
}

static void close_port(struct guest *guest)
{
    if (guest->port)
        evtchn_unbind(guest->guests->evtchn, guest->port);
    guest->port = 0;
}

/* A guest that breaks the rules keeps its domain, and loses its way to the store. */
static void give_up(struct guest *guest, enum ring_error error)
{
    log_warning("domain %u: %s in its ring; its connection is closed", guest->domid,
                error == RING_BAD_INDEX ? "impossible index" : "too long message");
    evtchn_notify(guest->guests->evtchn, guest->port);
    close_port(guest);
    connection_reset(guest->connection);
    guest->connection->broken = true;
}

static void restart(struct guest *guest)
{
    connection_restart(guest->connection);
    ring_restart(&guest->ring);
    evtchn_notify(guest->guests->evtchn, guest->port);
}

static void pump(struct guest *guest)
{
    struct ring_result result;

    guest->wanted = false;
    if (!guest->port)
        return;
    if (ring_wants_restart(&guest->ring))
        restart(guest);
    result = ring_pump(&guest->ring, guest->connection);
    if (result.error) {
        give_up(guest, result.error);
        return;
    }
    if (result.moved)
        evtchn_notify(guest->guests->evtchn, guest->port);
    if (result.more)
        want(guest);
}

static int on_pump(sd_event_source *source, void *context)
{
    struct guests *guests = context;

    /* Serving one may make others wanted: they get their turn in the next round of the loop. */
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    for (struct guest *guest = guests->list; guest; guest = guest->next)
        if (guest->wanted)
            pump(guest);
    return 0;
}

/* Dying domains first: looking at one changes the list. */
static void check_domains(struct guests *guests)
{
    struct domain *domain = guests->store->domains;

    while (domain) {
        struct domain *next = domain->next;
        domid_t domid = domain->domid;

        switch (domain_state(guests->states, domid)) {
        case DOMAIN_ALIVE: break;
        case DOMAIN_SHUT_DOWN: domain_shut_down(guests->store, domain); break;
        case DOMAIN_GONE: domain_release(guests->store, domid); break;
        }
        domain = next;
    }
}

static struct guest *guest_of_port(const struct guests *guests, port_t port)
{
    struct guest *guest = guests->list;

    while (guest && guest->port != port)
        guest = guest->next;
    return guest;
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct guests *guests = context;

    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        int port = evtchn_pending(fd);
        struct guest *guest;

        if (port <= 0)
            break;
        evtchn_unmask(fd, (port_t)port);
        guest = guest_of_port(guests, (port_t)port);
        if ((port_t)port == guests->domain_port)
            check_domains(guests);
        else if (guest)
            pump(guest);
    }
    return 0;
}

static struct guest *add(struct guests *guests, domid_t domid, void *page, port_t port)
{
    struct guest *guest = must_alloc(sizeof(*guest));

    guest->guests = guests;
    guest->domid = domid;
    guest->port = port;
    ring_start(&guest->ring, page);
    guest->connection = connection_create(guests->store, domid, want, guest);
    guest->next = guests->list;
    guests->list = guest;
    /* Both kernels wait for this event before they use the ring. */
    evtchn_notify(guests->evtchn, port);
    want(guest);
    return guest;
}

static struct connection *attach(void *context, domid_t domid, uint64_t gfn, uint32_t remote_port)
{
    struct guests *guests = context;
    const grant_ref_t ref = GNTTAB_RESERVED_XENSTORE;
    struct gntdev_mapping mapping;
    struct guest *guest;
    int port, error = gntdev_map(guests->gntdev, domid, 1, &ref, true, &mapping);

    if (error) {
        log_error("domain %u: cannot map its ring: %s", domid, strerror(-error));
        errno = -error;
        return NULL;
    }
    port = evtchn_bind_interdomain(guests->evtchn, domid, remote_port);
    if (port < 0) {
        log_error("domain %u: cannot bind its event port %u: %s", domid, remote_port, strerror(-port));
        gntdev_unmap(guests->gntdev, &mapping);
        errno = -port;
        return NULL;
    }
    guest = add(guests, domid, mapping.address, (port_t)port);
    guest->mapping = mapping;
    return guest->connection;
}

static void detach(void *context, struct connection *connection)
{
    struct guests *guests = context;
    struct guest **slot = &guests->list, *guest;

    while ((*slot)->connection != connection)
        slot = &(*slot)->next;
    guest = *slot;
    *slot = guest->next;
    close_port(guest);
    gntdev_unmap(guests->gntdev, &guest->mapping);
    connection_destroy(connection);
    free(guest);
}

static int fail(const char *what, int error)
{
    log_error("%s: %s; this program must run in the control domain", what, strerror(-error));
    return error;
}

static int open_devices(struct guests *guests)
{
    guests->evtchn = evtchn_open();
    if (guests->evtchn < 0)
        return fail("/dev/xen/evtchn", guests->evtchn);
    guests->gntdev = gntdev_open();
    if (guests->gntdev < 0)
        return fail("/dev/xen/gntdev", guests->gntdev);
    guests->states = domain_states_open();
    return guests->states ? 0 : fail("/dev/xen/privcmd", -errno);
}

int guests_create(struct guests **out, sd_event *event, struct store_host *host)
{
    struct guests *guests = must_alloc(sizeof(*guests));
    int error = open_devices(guests);

    if (error) {
        free(guests);
        return error;
    }
    guests->event = event;
    *host = (struct store_host){attach, detach, guests};
    *out = guests;
    return 0;
}

/* The kernel that we run on has its own page and port. */
static int attach_own_kernel(struct guests *guests)
{
    int fd = open(BACKEND_DEVICE, O_RDWR | O_CLOEXEC), remote_port, port;
    void *page;

    if (fd < 0)
        return fail(BACKEND_DEVICE, -errno);
    remote_port = ioctl(fd, BACKEND_EVENT_PORT);
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    port = remote_port < 0 || page == MAP_FAILED ? -errno : 0;
    close(fd);
    if (!port)
        port = evtchn_bind_interdomain(guests->evtchn, 0, (port_t)remote_port);
    if (port < 0)
        return fail(BACKEND_DEVICE, port);
    add(guests, 0, page, (port_t)port);
    return 0;
}

int guests_start(struct guests *guests, struct store *store)
{
    int error, port;

    guests->store = store;
    error = sd_event_add_defer(guests->event, &guests->pump_source, on_pump, guests);
    if (error < 0)
        return error;
    error = sd_event_add_io(guests->event, NULL, guests->evtchn, EPOLLIN, on_events, guests);
    if (error < 0)
        return error;
    port = evtchn_bind_virq(guests->evtchn, VIRQ_DOM_EXC);
    if (port < 0)
        return fail("virtual interrupt for ended domains", port);
    guests->domain_port = (port_t)port;
    return attach_own_kernel(guests);
}
