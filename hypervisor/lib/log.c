/* log.c - the hypervisor's voice: serial console and a ring that dom0 can read */
#include "format.h"
#include <hv/cpu.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/options.h>
#include <hv/serial.h>
#include <hv/string.h>
#include <hv/x86.h>

#define RING_BYTES 65536u

static char ring[RING_BYTES];
static uint64_t ring_written;
static spinlock_t lock = SPINLOCK_INIT;
static bool panicking;

static void emit(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ring[ring_written++ % RING_BYTES] = text[i];
    serial_write(text, n);
}

void log_raw(const char *text, size_t bytes)
{
    if (!panicking)
        spin_lock(&lock);
    emit(text, bytes);
    if (!panicking)
        spin_unlock(&lock);
}

static void log_line(const char *prefix, const char *fmt, va_list ap)
{
    char line[512];
    size_t n = strlen(prefix);
    memcpy(line, prefix, n);
    int m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
    n = MIN(n + (size_t)m, sizeof(line) - 2);
    if (line[n - 1] != '\n')
        line[n++] = '\n';
    log_raw(line, n);
}

void log_at(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    if ((int)level > options.log_level)
        return;
    va_start(ap, fmt);
    log_line("atoll: ", fmt, ap);
    va_end(ap);
}

size_t log_read(char *buf, size_t max, uint64_t *position)
{
    size_t n = 0;
    spin_lock(&lock);
    if (ring_written > RING_BYTES && *position < ring_written - RING_BYTES)
        *position = ring_written - RING_BYTES;
    while (n < max && *position < ring_written)
        buf[n++] = ring[(*position)++ % RING_BYTES];
    spin_unlock(&lock);
    return n;
}

void panic(const char *fmt, ...)
{
    va_list ap;
    cli();
    panicking = true; /* another CPU may hold the lock for ever: output first, order second */
    va_start(ap, fmt);
    log_line("atoll: PANIC: ", fmt, ap);
    va_end(ap);
    panic_backtrace();
    if (options.noreboot)
        machine_halt();
    machine_reboot();
}

uintptr_t __stack_chk_guard = 0x5bd1e995a7c4f311ul; /* mixed with the TSC at boot */

[[noreturn]] void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    panic("stack overwritten");
}
