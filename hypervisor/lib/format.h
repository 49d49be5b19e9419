/* format.h - the printf subset of log.h into a buffer */
#pragma once
#include <stdarg.h>
#include <hv/types.h>

/* Like C's vsnprintf for the subset that hv/log.h names; returns the length the whole text has. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
