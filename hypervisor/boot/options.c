/* options.c - the hypervisor's command line */
#include <hv/log.h>
#include <hv/options.h>
#include <hv/string.h>

struct options options = {.dom0_mem = 1ul << 30, .com_baud = UART_BAUD_MAX, .log_level = LOG_INFO, .iommu = true};

#define ENOUGH (1ul << 32) /* more is not told apart: neither this nor what is made of it overflows */

static uint64_t number(const char **p)
{
    uint64_t v = 0;
    while (**p >= '0' && **p <= '9')
        v = MIN(v, ENOUGH) * 10 + (uint64_t)(*(*p)++ - '0');
    return v;
}

/* Bytes with Xen's suffixes; no suffix means KiB. */
static uint64_t size(const char *p)
{
    uint64_t v = number(&p);
    switch (*p) {
    case 'G':
    case 'g': return MIN(v, ENOUGH) << 30;
    case 'M':
    case 'm': return v << 20;
    case 'B':
    case 'b': return v;
    default: return v << 10;
    }
}

static bool is(const char *word, size_t n, const char *name)
{
    return strlen(name) == n && !strncmp(word, name, n);
}

static void console(const char *value, size_t n)
{
    /* Xen's list "com1,vga": the first one counts. */
    size_t first = 0;
    while (first < n && value[first] != ',')
        first++;
    options.console_com1 = is(value, first, "com1");
    options.console_com2 = is(value, first, "com2");
}

static void dom0_mem(const char *value)
{
    /* Xen's "dom0_mem=1024M,max:1024M": the first amount counts */
    if (!strncmp(value, "max:", 4) || !strncmp(value, "min:", 4))
        value += 4;
    uint64_t bytes = size(value);
    if (bytes)
        options.dom0_mem = bytes;
}

/* What a divisor of 16 bits can make of the UART's clock; else the default. */
static void baud(const char *value)
{
    uint64_t n = number(&value);
    options.com_baud = n >= 2 && n <= UART_BAUD_MAX ? (uint32_t)n : UART_BAUD_MAX;
}

static void option(const char *word, size_t n)
{
    const char *eq = word;
    while (eq < word + n && *eq != '=')
        eq++;
    size_t name = (size_t)(eq - word), rest = name < n ? n - name - 1 : 0;
    const char *value = name < n ? eq + 1 : "";

    if (is(word, name, "dom0_mem"))
        dom0_mem(value);
    else if (is(word, name, "dom0_max_vcpus"))
        options.dom0_max_vcpus = (unsigned int)number(&value);
    else if (is(word, name, "console"))
        console(value, rest);
    else if (is(word, name, "com1") || is(word, name, "com2"))
        baud(value);
    else if (is(word, name, "loglvl"))
        options.log_level = is(value, rest, "all") || is(value, rest, "debug") ? LOG_DEBUG
                            : is(value, rest, "error")                         ? LOG_ERR
                            : is(value, rest, "warning")                       ? LOG_WARN
                                                                               : LOG_INFO;
    else if (is(word, name, "noreboot"))
        options.noreboot = true;
    else if (is(word, name, "selfcheck"))
        options.selfcheck = true;
    else if (is(word, name, "iommu"))
        options.iommu = !is(value, rest, "off") && !is(value, rest, "no") && !is(value, rest, "0");
}

void options_parse(const char *line)
{
    size_t n = strnlen(line, sizeof(options.line) - 1);
    memcpy(options.line, line, n);
    options.line[n] = 0;
    for (const char *p = options.line; *p;) {
        while (*p == ' ')
            p++;
        const char *end = p;
        while (*end && *end != ' ')
            end++;
        if (end > p)
            option(p, (size_t)(end - p));
        p = end;
    }
}
