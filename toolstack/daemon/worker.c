/* worker.c - one thread for work that blocks, fed by and reporting to the event loop */
#include "toolstack/daemon/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *waiting, *finished;
    bool end;
    int report; /* eventfd: something is finished */
    sd_event_source *source;
};

static void append(struct job **list, struct job *job)
{
    while (*list)
        list = &(*list)->next;
    job->next = nullptr;
    *list = job;
}

static void *run(void *data)
{
    struct worker *w = data;

    pthread_mutex_lock(&w->lock);
    while (!w->end) {
        struct job *job = w->waiting;
        if (!job) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        w->waiting = job->next;
        pthread_mutex_unlock(&w->lock);
        job->work(job);
        pthread_mutex_lock(&w->lock);
        append(&w->finished, job);
        eventfd_write(w->report, 1);
    }
    pthread_mutex_unlock(&w->lock);
    return nullptr;
}

static int on_report(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct worker *w = data;
    eventfd_t count;

    eventfd_read(fd, &count);
    for (;;) {
        pthread_mutex_lock(&w->lock);
        struct job *job = w->finished;
        if (job)
            w->finished = job->next;
        pthread_mutex_unlock(&w->lock);
        if (!job)
            return 0;
        job->done(job);
    }
}

int worker_start(struct worker **out, sd_event *loop)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;

    pthread_mutex_init(&w->lock, nullptr);
    pthread_cond_init(&w->wake, nullptr);
    w->report = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = w->report < 0 ? -errno : sd_event_add_io(loop, &w->source, w->report, EPOLLIN, on_report, w);
    if (rc >= 0)
        rc = -pthread_create(&w->thread, nullptr, run, w);
    if (rc < 0) {
        sd_event_source_unref(w->source);
        if (w->report >= 0)
            close(w->report);
        free(w);
        return rc;
    }
    *out = w;
    return 0;
}

void worker_add(struct worker *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    append(&w->waiting, job);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void worker_end(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->end = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, nullptr);
    sd_event_source_unref(w->source);
    close(w->report);
    free(w);
}
