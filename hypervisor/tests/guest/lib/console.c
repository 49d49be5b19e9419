/* console.c - output and the result protocol */
#include <stdarg.h>
#include <hv/log.h>
#include <hv/port.h>
#include <hv/string.h>
#include "guest.h"
#include "lib/format.h"

static void write(const char *text, size_t n)
{
    if (hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, n, PTR(text)) >= 0)
        return;
    for (size_t i = 0; i < n; i++)
        outb(0xe9, (uint8_t)text[i]);
}

/* The result in one piece, so that lines of the hypervisor do not come between. */
static void print_args(const char *before, const char *fmt, va_list ap, const char *after)
{
    char line[400];
    size_t n = (size_t)snprintf(line, sizeof(line), "%s", before);
    n += (size_t)vsnprintf(line + n, sizeof(line) - n, fmt, ap);
    if (n > sizeof(line) - 2)
        n = sizeof(line) - 2;
    n += (size_t)snprintf(line + n, sizeof(line) - n, "%s", after);
    write(line, n);
}

void print(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_args("", fmt, ap, "");
    va_end(ap);
}

void shut_down(unsigned int reason)
{
    struct sched_shutdown arg = {.reason = reason};
    sched_op(SCHEDOP_shutdown, &arg);
    for (;;)
        __asm__ volatile("cli; hlt");
}

void fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_args("ATOLL-TEST " TEST_NAME ": fail ", fmt, ap, "\n");
    va_end(ap);
    shut_down(SHUTDOWN_poweroff);
}

void check_eq_at(const char *what, long actual, long expected, int line)
{
    if (actual != expected)
        fail("%s is %ld (%#lx), expected %ld (line %d)", what, actual, (unsigned long)actual, expected, line);
}

bool cmdline_has(const char *word)
{
    const char *line = start_info->cmdline_paddr ? (const char *)(uintptr_t)start_info->cmdline_paddr : "";
    size_t n = strlen(word);
    for (; *line; line++)
        if (!strncmp(line, word, n) && (line[n] == ' ' || !line[n]))
            return true;
    return false;
}

/* For the hypervisor's files that guests use too. */
void log_at(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_args("", fmt, ap, "\n");
    va_end(ap);
}
