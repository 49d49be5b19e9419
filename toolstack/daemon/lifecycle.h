/* lifecycle.h - VMs start, run, and end */
#pragma once
#include <systemd/sd-event.h>

#include "toolstack/daemon/registry.h"
#include "toolstack/daemon/runtime.h"
#include "toolstack/daemon/worker.h"

enum lifecycle_event {
    VM_EVENT_PRE_START,
    VM_EVENT_START,
    VM_EVENT_START_FAILED,
    VM_EVENT_PAUSED,
    VM_EVENT_UNPAUSED,
    VM_EVENT_SHUTDOWN,
    VM_EVENT_CHANGED /* how it is shown: its label */
};

enum { LIFECYCLE_WHY_MAX = 640 };

struct start_waiter;

struct lifecycle {
    struct registry *registry;
    struct runtime *runtime;
    struct worker *worker;
    sd_event_source *changed, *clock;
    struct start_waiter *waiters; /* who wants VMs to start that are starting or stopping already */
    /* Called on every event, after the VM's state changed. */
    void (*notify)(void *data, struct vm *vm, enum lifecycle_event event, const char *why);
    void *notify_data;
};

/* Also takes over domains of known VMs that run already. */
[[nodiscard]] int lifecycle_open(struct lifecycle *l, sd_event *loop);
void lifecycle_close(struct lifecycle *l);

/* What became of a request that takes time: rc 0, or a negative errno and a sentence. */
typedef void lifecycle_done(void *data, int rc, const char *why);

/*
 * Begins to start a VM; `done` is called once, now or later. One that is being started already is waited for; one that
 * is being stopped is started afterwards. -EALREADY: it is running; -ENOMEM: too little memory.
 */
void lifecycle_start(struct lifecycle *l, struct vm *vm, lifecycle_done *done, void *data);

/* These act at once. -ENOTCONN: it is not running (or not paused). The end of the VM is told by VM_EVENT_SHUTDOWN. */
[[nodiscard]] int lifecycle_shutdown(struct lifecycle *l, struct vm *vm);
[[nodiscard]] int lifecycle_kill(struct lifecycle *l, struct vm *vm);
[[nodiscard]] int lifecycle_pause(struct lifecycle *l, struct vm *vm);
[[nodiscard]] int lifecycle_unpause(struct lifecycle *l, struct vm *vm);
