/* log.h - one line per call to the serial console and the log ring; works from any context */
#pragma once
#include <hv/types.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* printf subset: %s %c %d %i %u %x %X %p %% with l, ll, z, h, hh, width, 0 and -, and '#' for 0x. A newline is added if
 * missing. */
void log_at(enum log_level level, const char *fmt, ...) __printf(2, 3);
#define log_err(...)   log_at(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* Only for broken invariants of our own: nothing a guest says may lead here. */
[[noreturn]] void panic(const char *fmt, ...) __printf(1, 2);
#define assert_hv(cond)                                                                                                \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            panic("broken invariant: %s (%s:%d)", #cond, __FILE__, __LINE__);                                          \
    } while (0)
