/* atoll-domain.c - builds and handles single domains by hand, beneath atolld: for debugging */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "toolstack/domain/accounts.h"
#include "toolstack/domain/build.h"
#include "toolstack/domain/presence.h"

static const char usage[] =
    "Usage: atoll-domain create --kernel VMLINUX [--initrd FILE] [--cmdline TEXT] [--memory MIB] [--vcpus N]\n"
    "                           [--name NAME] [--paused] [--no-store]\n"
    "       atoll-domain list\n"
    "       atoll-domain memory\n"
    "       atoll-domain grants DOMID\n"
    "       atoll-domain destroy|pause|unpause|shutdown|reboot DOMID\n"
    "Handles domains beneath atolld, for debugging. VMs are handled with qvm-create, qvm-start and so on.\n";

static int complain(const char *what, int rc)
{
    fprintf(stderr, "atoll-domain: %s: %s.\n", what, strerror(-rc));
    return 1;
}

static void close_store(struct xs_handle *xs)
{
    if (xs)
        xs_close(xs);
}

struct create_options {
    struct domain_spec spec;
    const char *name;
    bool paused, no_store; /* no_store: works without xenstored; the guest then has no devices */
};

static bool parse_create(int argc, char **argv, struct create_options *o)
{
    static const struct option options[] = {
        {"kernel", required_argument, nullptr, 'k'},
        {"initrd", required_argument, nullptr, 'i'},
        {"cmdline", required_argument, nullptr, 'c'},
        {"memory", required_argument, nullptr, 'm'},
        {"vcpus", required_argument, nullptr, 'v'},
        {"name", required_argument, nullptr, 'n'},
        {"paused", no_argument, nullptr, 'p'},
        {"no-store", no_argument, nullptr, 's'},
        {},
    };
    int c;

    *o = (struct create_options){.spec = {.memory_mib = 256, .vcpus = 1, .cmdline = "console=hvc0"}, .name = "debug"};
    while ((c = getopt_long(argc, argv, "", options, nullptr)) != -1) {
        switch (c) {
        case 'k': o->spec.kernel = optarg; break;
        case 'i': o->spec.initrd = optarg; break;
        case 'c': o->spec.cmdline = optarg; break;
        case 'm': o->spec.memory_mib = strtoull(optarg, nullptr, 10); break;
        case 'v': o->spec.vcpus = (unsigned)strtoul(optarg, nullptr, 10); break;
        case 'n': o->name = optarg; break;
        case 'p': o->paused = true; break;
        case 's': o->no_store = true; break;
        default: return false;
        }
    }
    return o->spec.kernel && optind == argc;
}

static void format_uuid(const uint8_t uuid[16], char out[37])
{
    char *at = out;

    for (unsigned i = 0; i < 16; i++)
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static int introduce(struct xs_handle *xs, const struct create_options *o, const struct built_domain *built)
{
    char uuid[37];

    format_uuid(o->spec.uuid, uuid);
    struct domain_presence presence = {.domid = built->domid,
                                       .name = o->name,
                                       .uuid = uuid,
                                       .memory_kib = o->spec.memory_mib * 1024,
                                       .vcpus = o->spec.vcpus,
                                       .store_port = built->store_port,
                                       .console_port = built->console_port};
    int rc = presence_create(xs, &presence);
    if (rc)
        presence_remove(xs, built->domid, uuid);
    return rc;
}

static int create(struct control *c, int argc, char **argv)
{
    struct create_options o;
    struct built_domain built;
    char why[DOMAIN_ERROR_MAX];

    if (!parse_create(argc, argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    if (getrandom(o.spec.uuid, sizeof(o.spec.uuid), 0) != sizeof(o.spec.uuid))
        return complain("no random numbers", -errno);
    struct xs_handle *xs = o.no_store ? nullptr : xs_open(0);
    if (!xs && !o.no_store) {
        fputs("atoll-domain: xenstored is not running; start it, or give --no-store.\n", stderr);
        return 1;
    }
    if (domain_build(c, &o.spec, &built, why)) {
        fprintf(stderr, "atoll-domain: %s\n", why);
        close_store(xs);
        return 1;
    }
    int rc = xs ? introduce(xs, &o, &built) : 0;
    if (rc == 0 && !o.paused)
        rc = control_unpause(c, built.domid);
    close_store(xs);
    if (rc) {
        control_destroy(c, built.domid);
        return complain("the domain cannot be started", rc);
    }
    printf("%u\n", built.domid);
    return 0;
}

static int list(struct control *c)
{
    struct domain_info infos[64];
    int count = 0;

    puts("ID     MIB VCPUS STATE      SECONDS");
    for (domid_t first = 0; (count = control_list(c, first, infos, 64)) > 0;
         first = (domid_t)(infos[count - 1].domid + 1)) {
        for (int i = 0; i < count; i++) {
            const struct domain_info *d = &infos[i];
            const char *state = d->dying ? "dying" : d->shutdown ? "shutdown" : d->paused ? "paused" : "running";
            printf("%-2u %7llu %5u %-8s%2.0d %7llu\n", d->domid, (unsigned long long)d->memory_kib / 1024,
                   d->vcpus_online, state, d->shutdown ? (int)d->shutdown_reason : 0,
                   (unsigned long long)d->cpu_time_ns / 1000000000);
        }
    }
    return count < 0 ? complain("the domains cannot be listed", count) : 0;
}

static int memory(struct control *c)
{
    struct memory_account a;
    int rc = accounts_memory(c, &a);

    if (rc)
        return complain("the hypervisor does not tell about its memory", rc);
    printf("KiB\nram        %10llu\nhypervisor %10llu\ndom0       %10llu\nothers     %10llu\nfree       %10llu\n",
           (unsigned long long)a.ram_kib, (unsigned long long)a.hypervisor_kib, (unsigned long long)a.dom0_kib,
           (unsigned long long)a.others_kib, (unsigned long long)a.free_kib);
    return 0;
}

static int grants(struct control *c, domid_t domid)
{
    struct grant_account a;
    int rc = accounts_grants(c, domid, &a);

    if (rc == 0)
        printf("mapped    %6u\nread-only %6u\nwritten   %6u\n", a.mapped, a.read_only, a.written);
    return rc;
}

static int destroy(struct control *c, domid_t domid)
{
    struct domain_info info;
    char uuid[37];
    int rc = control_info(c, domid, &info);

    if (rc == 0)
        rc = control_destroy(c, domid);
    struct xs_handle *xs = rc == 0 ? xs_open(0) : nullptr;
    if (xs) {
        format_uuid(info.uuid, uuid);
        presence_remove(xs, domid, uuid);
    }
    close_store(xs);
    return rc;
}

static int ask_shutdown(domid_t domid, const char *how)
{
    struct xs_handle *xs = xs_open(0);
    int rc = xs ? presence_ask_shutdown(xs, domid, how) : -ENOTCONN;

    close_store(xs);
    return rc;
}

static int act(struct control *c, const char *verb, const char *id)
{
    char *end;
    unsigned long number = strtoul(id, &end, 10);
    int rc = -EINVAL;

    if (*end || number == 0 || number >= DOMID_FIRST_RESERVED) {
        fprintf(stderr, "atoll-domain: '%s' is not the number of a domain; see: atoll-domain list\n", id);
        return 2;
    }
    domid_t domid = (domid_t)number;
    if (!strcmp(verb, "destroy"))
        rc = destroy(c, domid);
    else if (!strcmp(verb, "grants"))
        rc = grants(c, domid);
    else if (!strcmp(verb, "pause"))
        rc = control_pause(c, domid);
    else if (!strcmp(verb, "unpause"))
        rc = control_unpause(c, domid);
    else
        rc = ask_shutdown(domid, !strcmp(verb, "reboot") ? "reboot" : "poweroff");
    return rc ? complain(verb, rc) : 0;
}

int main(int argc, char **argv)
{
    static const char *const verbs[] = {"grants", "destroy", "pause", "unpause", "shutdown", "reboot"};
    const char *verb = argc > 1 ? argv[1] : "--help";
    struct control c;
    int result = -1;

    if (!strcmp(verb, "--help") || !strcmp(verb, "-h")) {
        fputs(usage, stdout);
        return argc > 1 ? 0 : 2;
    }
    int rc = control_open(&c);
    if (rc)
        return complain("the hypervisor's control device cannot be opened", rc);
    if (!strcmp(verb, "create"))
        result = create(&c, argc - 1, argv + 1);
    else if (!strcmp(verb, "list"))
        result = list(&c);
    else if (!strcmp(verb, "memory"))
        result = memory(&c);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]) && argc == 3; i++)
        if (!strcmp(verb, verbs[i]))
            result = act(&c, verb, argv[2]);
    if (result < 0) {
        fputs(usage, stderr);
        result = 2;
    }
    control_close(&c);
    return result;
}
