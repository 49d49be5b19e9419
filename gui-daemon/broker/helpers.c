/* helpers.c - one helper process per running VM, started again when it ends: its end means that the agent's connection
 * ended, and the agent may come back */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "broker.h"
#include "common/log.h"
#include "helper_wire.h"

enum { RETRY_US = 500000 };

static void start(struct broker_vm *vm);

static int handle_retry(sd_event_source *source, uint64_t time, void *data)
{
    start(data);
    return 0;
}

static void retry_later(struct broker_vm *vm)
{
    vm->retry = sd_event_source_disable_unref(vm->retry);
    if (vm->broker->compositor >= 0)
        sd_event_add_time_relative(vm->broker->loop, &vm->retry, CLOCK_MONOTONIC, RETRY_US, 0, handle_retry, vm);
}

static int handle_exit(sd_event_source *source, const siginfo_t *info, void *data)
{
    struct broker_vm *vm = data;

    if (info->si_code != CLD_EXITED)
        log_warning("helper of %s was killed by signal %d", vm->fact.name, info->si_status);
    vm->child = sd_event_source_disable_unref(vm->child);
    vm->helper = 0;
    retry_later(vm);
    return 0;
}

/* In the child: nothing of the broker stays but the socket, the journal, and in tests the test's variables. */
[[noreturn]] static void become_helper(const struct broker_vm *vm, int fd)
{
    char domid[16];
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    snprintf(domid, sizeof(domid), "%u", vm->fact.domid);
    if (dup2(fd, HELPER_COMPOSITOR_FD) == HELPER_COMPOSITOR_FD && close_range(HELPER_COMPOSITOR_FD + 1, ~0u, 0) == 0)
        execl(vm->broker->helper, "gui-helper", domid, (char *)nullptr);
    _exit(127);
}

static void start(struct broker_vm *vm)
{
    int pair[2];

    vm->retry = sd_event_source_disable_unref(vm->retry);
    if (vm->helper || vm->broker->compositor < 0)
        return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        log_error("no socket for the helper of %s: %m", vm->fact.name);
        retry_later(vm);
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_helper(vm, pair[1]);
    close(pair[1]);
    if (pid > 0) {
        vm->helper = pid;
        sd_event_add_child(vm->broker->loop, &vm->child, pid, WEXITED, handle_exit, vm);
        compositor_tell(vm->broker, BROKER_VM_STARTED, &vm->fact, pair[0]);
    } else {
        log_error("cannot start the helper of %s: %m", vm->fact.name);
        retry_later(vm);
    }
    close(pair[0]);
}

static void stop(struct broker_vm *vm)
{
    vm->retry = sd_event_source_disable_unref(vm->retry);
    if (!vm->helper)
        return;
    vm->child = sd_event_source_disable_unref(vm->child);
    kill(vm->helper, SIGKILL); /* it has nothing to lose */
    waitpid(vm->helper, nullptr, 0);
    vm->helper = 0;
}

static struct broker_vm *find(struct broker *broker, uint32_t domid)
{
    struct broker_vm *vm = broker->vms;

    while (vm && vm->fact.domid != domid)
        vm = vm->next;
    return vm;
}

void helpers_started(struct broker *broker, const struct fact *fact)
{
    struct broker_vm *vm = find(broker, fact->domid);

    if (vm && !memcmp(&vm->fact, fact, sizeof(*fact)))
        return; /* named again after a reconnection */
    if (vm)
        helpers_stopped(broker, fact->domid);
    vm = calloc(1, sizeof(*vm));
    if (!vm)
        return;
    vm->broker = broker;
    vm->fact = *fact;
    vm->next = broker->vms;
    broker->vms = vm;
    start(vm);
}

void helpers_stopped(struct broker *broker, uint32_t domid)
{
    struct broker_vm **link = &broker->vms;

    while (*link && (*link)->fact.domid != domid)
        link = &(*link)->next;
    struct broker_vm *vm = *link;
    if (!vm)
        return;
    *link = vm->next;
    stop(vm);
    compositor_tell(broker, BROKER_VM_STOPPED, &vm->fact, -1);
    free(vm);
}

void helpers_start_all(struct broker *broker)
{
    for (struct broker_vm *vm = broker->vms; vm; vm = vm->next)
        start(vm);
}

void helpers_stop_all(struct broker *broker)
{
    for (struct broker_vm *vm = broker->vms; vm; vm = vm->next)
        stop(vm);
}
