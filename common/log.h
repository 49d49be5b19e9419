/* log.h - one line per message, to stderr, which is the journal for services
 *
 * Whatever stands in a message is made printable first (text.h), so that text from a VM can be logged.
 */
#pragma once

/* Messages start with this instead of the program's name, such as "qrexec-daemon(work)". Kept, not copied. */
void log_set_name(const char *name);

/* log_debug() prints only after log_set_debug(true) or with ATOLL_DEBUG in the environment. */
void log_set_debug(bool on);

#define PRINTF_LIKE __attribute__((format(printf, 1, 2)))
PRINTF_LIKE void log_error(const char *format, ...);
PRINTF_LIKE void log_warning(const char *format, ...);
PRINTF_LIKE void log_info(const char *format, ...);
PRINTF_LIKE void log_debug(const char *format, ...);
