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
#define LINE           120u
#define WRITERS        64u   /* line buffers; domains share them by id, which at worst breaks a line */
#define CREDIT_MAX     4096u /* characters in one go: what a kernel says when it dies */
#define CREDIT_PER_SEC 1024u

struct writer {
    spinlock_t lock;
    domid_t id;
    uint32_t used;
    uint32_t credit;
    bool muted;
    uint64_t refilled; /* system time */
    char line[LINE];
};

static struct writer writers[WRITERS];

static void flush(struct writer *w)
{
    char text[LINE + 16];
    int n = snprintf(text, sizeof(text), "(d%u) ", (unsigned int)w->id);

    if (!w->used)
        return;
    memcpy(text + n, w->line, w->used);
    text[(size_t)n + w->used] = '\n';
    log_raw(text, (size_t)n + w->used + 1);
    w->used = 0;
}

static void adopt(struct writer *w, domid_t from)
{
    uint64_t now = time_now();
    uint64_t earned = (now - w->refilled) * CREDIT_PER_SEC / 1000000000u;

    if (w->id != from || !w->refilled) {
        flush(w);
        *w = (struct writer){.lock = w->lock, .id = from, .credit = CREDIT_MAX, .refilled = now};
    } else if (earned) {
        w->credit = (uint32_t)MIN(w->credit + MIN(earned, (uint64_t)CREDIT_MAX), (uint64_t)CREDIT_MAX);
        w->refilled = now;
    }
}

static void put(struct writer *w, char c)
{
    if (c == '\n') {
        flush(w);
        return;
    }
    if (!w->credit) {
        w->muted = true;
        return;
    }
    if (w->muted) {
        w->muted = false;
        flush(w);
        memcpy(w->line, "[...]", 5);
        w->used = 5;
    }
    w->credit--;
    w->line[w->used++] = c == '\t' || (c >= ' ' && c < 0x7f) ? c : '?';
    if (w->used == LINE)
        flush(w);
}

void console_write(const char *buf, size_t bytes, domid_t from)
{
    if (dom0 && from == dom0->id) {
        log_raw(buf, bytes);
        return;
    }
    struct writer *w = &writers[from % WRITERS];
    spin_lock(&w->lock);
    adopt(w, from);
    for (size_t i = 0; i < bytes; i++) {
        if (buf[i] != '\r')
            put(w, buf[i]);
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
        console_write(chunk, n, v->domain->id);
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
