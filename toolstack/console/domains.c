/* domains.c - see domains.h */
#include "domains.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/grant_table.h>
#include <xenstore.h>

#include "common/log.h"
#include "common/text.h"
#include "common/xen/gntdev.h"

#define EVENTS_AT_ONCE 64

struct domain {
    struct domain *next;
    struct domains *domains;
    domid_t domid;
    char *vm; /* its node's path: tells a new domain with an old number */
    port_t port;
    struct gntdev_mapping mapping;
    struct vm_console *console; /* NULL: its console is not to be had */
};

struct domains {
    struct console_host host;
    struct xs_handle *store;
    struct domain *list;
    sd_event_source *store_source;
    sd_event_source *event_source;
};

static char *read_node(const struct domains *domains, domid_t domid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, name);
    return xs_read(domains->store, XBT_NULL, path, NULL);
}

static port_t read_port(const struct domains *domains, domid_t domid)
{
    char *text = read_node(domains, domid, "console/port");
    unsigned long port = text ? strtoul(text, NULL, 10) : 0;

    free(text);
    return port <= UINT32_MAX ? (port_t)port : 0;
}

static void read_name(const struct domains *domains, domid_t domid, char *name, size_t room)
{
    char *text = read_node(domains, domid, "name");

    if (text && text_is_vm_name(text))
        snprintf(name, room, "%s", text);
    else
        snprintf(name, room, "domain-%u", domid);
    free(text);
}

static void notify(void *context)
{
    const struct domain *domain = context;

    evtchn_notify(domain->domains->host.evtchn, domain->port);
}

static void close_ring(struct domain *domain)
{
    const struct console_host *host = &domain->domains->host;

    if (domain->console)
        vm_console_destroy(domain->console);
    domain->console = NULL;
    if (domain->port)
        evtchn_unbind(host->evtchn, domain->port);
    domain->port = 0;
    if (domain->mapping.address)
        gntdev_unmap(host->gntdev, &domain->mapping);
    domain->mapping.address = NULL;
}

static void destroy(struct domain *domain)
{
    close_ring(domain);
    free(domain->vm);
    free(domain);
}

static void pump(struct domain *domain)
{
    if (domain->console && !vm_console_pump(domain->console)) {
        log_warning("domain %u: impossible index in its console ring; its console is closed", domain->domid);
        close_ring(domain);
    }
}

static int connect_ring(struct domain *domain, port_t remote_port, const char *name)
{
    const struct console_host *host = &domain->domains->host;
    const grant_ref_t ref = GNTTAB_RESERVED_CONSOLE;
    int port, error = gntdev_map(host->gntdev, domain->domid, 1, &ref, true, &domain->mapping);

    if (error)
        return error;
    port = evtchn_bind_interdomain(host->evtchn, domain->domid, remote_port);
    if (port < 0)
        return port;
    domain->port = (port_t)port;
    return vm_console_create(&domain->console, host, name, domain->mapping.address, notify, domain);
}

static void add(struct domains *domains, domid_t domid, char *vm)
{
    struct domain *domain = calloc(1, sizeof(*domain));
    char name[VM_NAME_MAX + 1];
    int error;

    if (!domain)
        return;
    *domain = (struct domain){.next = domains->list, .domains = domains, .domid = domid, .vm = vm};
    domains->list = domain;
    read_name(domains, domid, name, sizeof(name));
    error = connect_ring(domain, read_port(domains, domid), name);
    if (error) {
        log_error("'%s' has no console: %s", name, strerror(-error));
        close_ring(domain); /* the entry stays: it is not tried again */
        return;
    }
    pump(domain);
}

static struct domain *find(const struct domains *domains, domid_t domid)
{
    struct domain *domain = domains->list;

    while (domain && domain->domid != domid)
        domain = domain->next;
    return domain;
}

/* Is it still the domain that we knew under this number? */
static bool lives(const struct domains *domains, const struct domain *domain)
{
    char *vm = read_node(domains, domain->domid, "vm");
    bool same = vm && strcmp(vm, domain->vm) == 0 && xs_is_domain_introduced(domains->store, domain->domid);

    free(vm);
    return same;
}

static void remove_dead(struct domains *domains)
{
    struct domain **slot = &domains->list;

    while (*slot) {
        struct domain *domain = *slot;

        if (lives(domains, domain)) {
            slot = &domain->next;
            continue;
        }
        *slot = domain->next;
        pump(domain); /* its last words */
        destroy(domain);
    }
}

static void look_at(struct domains *domains, const char *number)
{
    unsigned long domid = strtoul(number, NULL, 10);
    char *vm;

    if (!domid || domid >= DOMID_FIRST_RESERVED || find(domains, (domid_t)domid) ||
        !xs_is_domain_introduced(domains->store, (unsigned)domid))
        return;
    vm = read_node(domains, (domid_t)domid, "vm");
    if (vm && read_port(domains, (domid_t)domid))
        add(domains, (domid_t)domid, vm);
    else
        free(vm);
}

static void add_new(struct domains *domains)
{
    unsigned count;
    char **numbers = xs_directory(domains->store, XBT_NULL, "/local/domain", &count);

    for (unsigned i = 0; numbers && i < count; i++)
        look_at(domains, numbers[i]);
    free(numbers);
}

static int on_store(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct domains *domains = context;
    char **event;
    bool changed = false;

    while ((event = xs_check_watch(domains->store))) {
        changed = true;
        free(event);
    }
    if (errno != EAGAIN) {
        log_error("the store is gone: %s", strerror(errno));
        return sd_event_exit(sd_event_source_get_event(source), 1);
    }
    if (changed) {
        remove_dead(domains);
        add_new(domains);
    }
    return 0;
}

static int on_event(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct domains *domains = context;

    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        int port = evtchn_pending(fd);
        struct domain *domain = domains->list;

        if (port <= 0)
            break;
        evtchn_unmask(fd, (port_t)port);
        while (domain && domain->port != (port_t)port)
            domain = domain->next;
        if (domain)
            pump(domain);
    }
    return 0;
}

struct domains *domains_create(const struct console_host *host, struct xs_handle *store)
{
    struct domains *domains = calloc(1, sizeof(*domains));
    int error;

    if (!domains)
        return NULL;
    domains->host = *host;
    domains->store = store;
    error = sd_event_add_io(host->event, &domains->event_source, host->evtchn, EPOLLIN, on_event, domains);
    if (error >= 0)
        error = sd_event_add_io(host->event, &domains->store_source, xs_fileno(store), EPOLLIN, on_store, domains);
    /* The first events come at once, and find the domains that are there already. */
    if (error >= 0 && xs_watch(store, "@introduceDomain", "in") && xs_watch(store, "@releaseDomain", "out"))
        return domains;
    error = error < 0 ? -error : errno;
    domains_destroy(domains);
    errno = error;
    return NULL;
}

void domains_destroy(struct domains *domains)
{
    while (domains->list) {
        struct domain *domain = domains->list;

        domains->list = domain->next;
        destroy(domain);
    }
    sd_event_source_disable_unref(domains->store_source);
    sd_event_source_disable_unref(domains->event_source);
    free(domains);
}
