/* worker.h - one thread for work that blocks, fed by and reporting to the event loop */
#pragma once
#include <systemd/sd-event.h>

struct worker;

/* What is to be done. Owned by the caller, who keeps it until done() was called. */
struct job {
    struct job *next;
    void (*work)(struct job *job); /* in the worker's thread */
    void (*done)(struct job *job); /* in the event loop, afterwards; may free the job */
};

[[nodiscard]] int worker_start(struct worker **out, sd_event *loop);
/* Jobs are done in the order they come. */
void worker_add(struct worker *w, struct job *job);
/* Waits for the job at hand; the others are not begun and their done() is not called. */
void worker_end(struct worker *w);
