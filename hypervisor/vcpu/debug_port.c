/* debug_port.c - port 0xE9: what a guest prints before it has a console, a line at a time to the log */
#include "ports.h"
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/timer.h>

#define LINES_PER_SECOND 50u /* a guest must not fill the machine's log, nor slow it to the speed of a serial line */
#define SECOND_NS        1000000000ul

/* True if one more line may be written now. */
static bool within_rate(struct debug_line *l)
{
    uint64_t second = time_now() / SECOND_NS;

    if (l->second != second) {
        l->second = second;
        l->lines = 0;
    }
    return l->lines++ < LINES_PER_SECOND;
}

void debug_port_write(struct domain *d, char c)
{
    struct debug_line *l = &d->debug;
    bool full;

    spin_lock(&l->lock);
    full = l->used == sizeof(l->text) - 1;
    if (c == '\n' || full) {
        l->text[l->used] = 0;
        if (l->used && within_rate(l))
            log_info("d%u: %s", d->id, l->text);
        l->used = 0;
    }
    if (c != '\n' && c != '\r') /* anything that could steer a terminal is shown as a dot */
        l->text[l->used++] = c >= ' ' && c <= '~' ? c : '.';
    spin_unlock(&l->lock);
}
