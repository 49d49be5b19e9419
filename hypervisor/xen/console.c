/*
 * console.c - the machine's console as guests reach it.
 * The control domain writes as it likes. Others write whole lines, "(d3) text", printable characters only (what an
 * administrator's terminal would obey does not get through) and no more than a few hundred characters a second each.
 */
#include <hv/hypercall.h>
#include <hv/serial.h>
#include <hv/string.h>
#include <hv/timer.h>

#define CHUNK          256u
#define CREDIT_MAX     4096 /* characters in one go: what a kernel says when it dies */
#define CREDIT_PER_SEC 1024u
#define CREDIT_AGAIN   512 /* one that ran dry is heard again when it has this much */

/* A line costs what it takes on the wire, its name included. */
static void flush(struct domain *d, struct console_writer *w)
{
    char text[sizeof(w->line) + 16];
    size_t n = (size_t)snprintf(text, sizeof(text), "(d%u) ", (unsigned int)d->id);

    if (!w->used)
        return;
    memcpy(text + n, w->line, w->used);
    n += w->used;
    text[n++] = '\n';
    log_raw(text, n);
    w->used = 0;
    w->credit -= (int32_t)n;
    w->muted = w->credit <= 0;
}

static void refill(struct console_writer *w)
{
    uint64_t now = time_now(), earned = (now - w->refilled) * CREDIT_PER_SEC / 1000000000u;

    if (!w->refilled)
        earned = CREDIT_MAX;
    if (!earned)
        return;
    w->credit = MIN(w->credit + (int32_t)MIN(earned, (uint64_t)CREDIT_MAX), CREDIT_MAX);
    w->refilled = now;
}

static void put(struct domain *d, struct console_writer *w, char c)
{
    if (w->muted && w->credit < CREDIT_AGAIN)
        return;
    if (w->muted) {
        w->muted = false;
        memcpy(w->line, "[...]", 5);
        w->used = 5;
    }
    if (c != '\n')
        w->line[w->used++] = c == '\t' || (c >= ' ' && c < 0x7f) ? c : '?';
    if (c == '\n' || w->used == sizeof(w->line))
        flush(d, w);
}

void console_write(struct domain *from, const char *buf, size_t bytes)
{
    struct console_writer *w = &from->console;

    if (from->is_control) {
        log_raw(buf, bytes);
        return;
    }
    spin_lock(&w->lock);
    refill(w);
    for (size_t i = 0; i < bytes; i++) {
        if (buf[i] != '\r')
            put(from, w, buf[i]);
    }
    spin_unlock(&w->lock);
}

/* One chunk per turn; on a preemption the arguments are what remains. */
static long write(struct vcpu *v, uint64_t count, guest_ptr_t buffer)
{
    char chunk[CHUNK];

    while (count) {
        size_t n = MIN(count, (uint64_t)sizeof(chunk));
        if (copy_from_guest(v, chunk, buffer, n))
            return -XEN_EFAULT;
        console_write(v->domain, chunk, n);
        count -= n;
        buffer = guest_ptr_add(buffer, n);
        if (count && hypercall_preempt(v)) {
            v->private->regs.gpr[RSI] = count;
            v->private->regs.gpr[RDX] = buffer.v;
            return HYPERCALL_RESTART;
        }
    }
    return 0;
}

static long read(struct vcpu *v, uint64_t count, guest_ptr_t buffer)
{
    char chunk[CHUNK];
    size_t n = console_read(chunk, MIN(count, (uint64_t)sizeof(chunk)));

    return copy_to_guest(v, buffer, chunk, n) ? -XEN_EFAULT : (long)n;
}

long do_console_io(struct vcpu *v, uint64_t cmd, uint64_t untrusted_count, guest_ptr_t buffer)
{
    uint64_t count = (uint32_t)untrusted_count; /* an unsigned int in the ABI */

    switch (cmd) {
    case CONSOLEIO_write: return write(v, count, buffer);
    case CONSOLEIO_read: return v->domain->is_control ? read(v, count, buffer) : -XEN_EPERM;
    default: return -XEN_ENOSYS;
    }
}
