/* log.c - see log.h */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/text.h"

static const char *log_name;
static int debug = -1; /* not decided */

void log_set_name(const char *name)
{
    log_name = name;
}

void log_set_debug(bool on)
{
    debug = on;
}

/* `priority` is syslog's number; the journal takes it from a prefix and removes that. */
static void emit(int priority, const char *format, va_list arguments)
{
    int saved = errno; /* so that %m works and callers keep theirs */
    char line[1024];
    const char *name = log_name ? log_name : program_invocation_short_name;
    int prefix = getenv("JOURNAL_STREAM") ? snprintf(line, sizeof(line), "<%d>", priority) : 0;
    int used = prefix + snprintf(line + prefix, sizeof(line) - (size_t)prefix - 1, "%.64s: ", name);

    errno = saved;
    int body = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, arguments);
    size_t length = (size_t)used + (body < 0 ? 0 : (size_t)body);
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2; /* cut, with room for the newline */
    length = text_sanitise(line, length);
    line[length++] = '\n';
    /* One write, so that lines of several processes do not mix. There is nowhere to report a failure. */
    [[maybe_unused]] ssize_t n = write(STDERR_FILENO, line, length);
    errno = saved;
}

#define LOG_FUNCTION(name, priority)                                                                                   \
    void name(const char *format, ...)                                                                                 \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        va_start(arguments, format);                                                                                   \
        emit(priority, format, arguments);                                                                             \
        va_end(arguments);                                                                                             \
    }

LOG_FUNCTION(log_error, 3)
LOG_FUNCTION(log_warning, 4)
LOG_FUNCTION(log_info, 6)

void log_debug(const char *format, ...)
{
    va_list arguments;

    if (debug < 0)
        debug = getenv("ATOLL_DEBUG") != nullptr;
    if (!debug)
        return;
    va_start(arguments, format);
    emit(7, format, arguments);
    va_end(arguments);
}
