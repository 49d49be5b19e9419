/* companions.c - the programs in dom0 that accompany each running VM: its RPC daemon */
#include "toolstack/daemon/companions.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/log.h"
#include "toolstack/daemon/property.h"

enum { ARGUMENT_MAX = 320, RESTART_USEC = 2000000 };

extern char **environ;

struct companion {
    struct companions *owner;
    struct companion *next;
    char uuid[UUID_TEXT_SIZE], name[VM_NAME_MAX + 1], user[VALUE_MAX];
    uint64_t timeout; /* seconds that the VM's agent has to answer */
    unsigned domid;
    pid_t pid;
    sd_event_source *child, *restart;
};

struct companions {
    sd_event *loop;
    const char *program_dir;
    struct companion *first;
};

static int on_end(sd_event_source *source, const siginfo_t *info, void *data);

/* Signals are blocked in this process; its children must get them. */
static int spawn(pid_t *pid, const char *program, char *const arguments[])
{
    posix_spawnattr_t attributes;
    sigset_t none;

    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int rc = -posix_spawn(pid, program, nullptr, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

static void run(struct companion *m)
{
    char program[ARGUMENT_MAX], domid[16], timeout[24];
    char *arguments[] = {program, "-t", timeout, domid, m->name, m->user, nullptr};

    snprintf(program, sizeof(program), "%s/qrexec-daemon", m->owner->program_dir);
    snprintf(timeout, sizeof(timeout), "%llu", (unsigned long long)m->timeout);
    snprintf(domid, sizeof(domid), "%u", m->domid);
    int rc = spawn(&m->pid, program, arguments);
    if (rc == 0)
        rc = sd_event_add_child(m->owner->loop, &m->child, m->pid, WEXITED, on_end, m);
    if (rc < 0)
        log_error("'%s': %s cannot be started: %s", m->name, program, strerror(-rc));
}

static int on_restart(sd_event_source *source, uint64_t usec, void *data)
{
    struct companion *m = data;

    m->restart = sd_event_source_unref(m->restart);
    run(m);
    return 0;
}

static int on_end(sd_event_source *source, const siginfo_t *info, void *data)
{
    struct companion *m = data;

    log_warning("'%s': qrexec-daemon ended with %s %d; it is started again", m->name,
                info->si_code == CLD_EXITED ? "status" : "signal", info->si_status);
    m->child = sd_event_source_unref(m->child);
    m->pid = 0;
    if (sd_event_add_time_relative(m->owner->loop, &m->restart, CLOCK_MONOTONIC, RESTART_USEC, 0, on_restart, m) < 0)
        log_error("'%s': no timer; its qrexec-daemon stays away", m->name);
    return 0;
}

static void companion_free(struct companion *m)
{
    struct companion **at = &m->owner->first;

    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    sd_event_source_unref(m->child);
    sd_event_source_unref(m->restart);
    if (m->pid > 0) {
        kill(m->pid, SIGTERM);
        waitpid(m->pid, nullptr, 0);
    }
    free(m);
}

int companions_open(struct companions **out, sd_event *loop, const char *program_dir)
{
    struct companions *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    *c = (struct companions){.loop = loop, .program_dir = program_dir};
    *out = c;
    return 0;
}

void companions_close(struct companions *c)
{
    while (c->first)
        companion_free(c->first);
    free(c);
}

void companions_start(struct companions *c, struct registry *r, const struct vm *vm)
{
    bool is_default;
    struct companion *m = c->program_dir ? calloc(1, sizeof(*m)) : nullptr;

    if (!m)
        return;
    m->owner = c;
    m->next = c->first;
    m->domid = vm->domid;
    memcpy(m->uuid, vm->uuid, sizeof(m->uuid));
    memcpy(m->name, vm->name, sizeof(m->name));
    if (property_get(r, vm, property_find("default_user"), m->user, &is_default))
        strcpy(m->user, "user");
    m->timeout = property_number(r, vm, "qrexec_timeout");
    c->first = m;
    run(m);
}

void companions_stop(struct companions *c, const struct vm *vm)
{
    struct companion *next;

    for (struct companion *m = c->first; m; m = next) {
        next = m->next;
        if (!strcmp(m->uuid, vm->uuid))
            companion_free(m);
    }
}
