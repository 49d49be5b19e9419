/* format.c - printf's useful part */
#include "format.h"
#include <hv/string.h>

struct out {
    char *buf;
    size_t size, length;
};

static void put(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->buf[o->length] = c;
    o->length++;
}

struct spec {
    bool left, zero, alt;
    unsigned int width;
    int precision;       /* -1: none */
    unsigned int length; /* 0 int, 1 long or wider; 2 char, 3 short */
};

static void pad(struct out *o, unsigned int n, char c)
{
    while (n--)
        put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *text, size_t n)
{
    unsigned int fill = s->width > n ? (unsigned int)(s->width - n) : 0;
    if (!s->left)
        pad(o, fill, ' ');
    for (size_t i = 0; i < n; i++)
        put(o, text[i]);
    if (s->left)
        pad(o, fill, ' ');
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned int base, const char *digits,
                       const char *prefix)
{
    char tmp[24];
    size_t n = 0, np = strlen(prefix);
    do {
        tmp[n++] = digits[v % base];
        v /= base;
    } while (v);
    unsigned int fill = s->width > n + np ? (unsigned int)(s->width - n - np) : 0;
    if (!s->left && !s->zero)
        pad(o, fill, ' ');
    for (size_t i = 0; i < np; i++)
        put(o, prefix[i]);
    if (!s->left && s->zero)
        pad(o, fill, '0');
    while (n)
        put(o, tmp[--n]);
    if (s->left)
        pad(o, fill, ' ');
}

static const char *parse_spec(const char *p, struct spec *s)
{
    *s = (struct spec){.precision = -1};
    for (;; p++) {
        if (*p == '-')
            s->left = true;
        else if (*p == '0')
            s->zero = true;
        else if (*p == '#')
            s->alt = true;
        else
            break;
    }
    for (; *p >= '0' && *p <= '9'; p++)
        s->width = s->width * 10 + (unsigned int)(*p - '0');
    if (*p == '.')
        for (p++, s->precision = 0; *p >= '0' && *p <= '9'; p++)
            s->precision = s->precision * 10 + (*p - '0');
    for (;; p++) {
        if (*p == 'l' || *p == 'z' || *p == 'j')
            s->length = 1;
        else if (*p == 'h')
            s->length = s->length == 3 ? 2 : 3;
        else
            return p;
    }
}

static uint64_t unsigned_arg(const struct spec *s, va_list *ap)
{
    if (s->length == 1)
        return va_arg(*ap, unsigned long);
    unsigned int v = va_arg(*ap, unsigned int);
    return s->length == 2 ? (uint8_t)v : s->length == 3 ? (uint16_t)v : v;
}

static void put_signed(struct out *o, const struct spec *s, va_list *ap)
{
    long v = s->length == 1 ? va_arg(*ap, long) : va_arg(*ap, int);
    put_number(o, s, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, "0123456789", v < 0 ? "-" : "");
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    if (!text)
        text = "(null)";
    put_text(o, s, text, strnlen(text, s->precision < 0 ? SIZE_MAX : (size_t)s->precision));
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    struct out o = {buf, size, 0};
    struct spec s;
    va_list ap;

    va_copy(ap, args);
    for (const char *p = fmt; *p; p++) {
        if (*p != '%') {
            put(&o, *p);
            continue;
        }
        p = parse_spec(p + 1, &s);
        switch (*p) {
        case 'd':
        case 'i': put_signed(&o, &s, &ap); break;
        case 'u': put_number(&o, &s, unsigned_arg(&s, &ap), 10, lower, ""); break;
        case 'x': put_number(&o, &s, unsigned_arg(&s, &ap), 16, lower, s.alt ? "0x" : ""); break;
        case 'X': put_number(&o, &s, unsigned_arg(&s, &ap), 16, upper, s.alt ? "0x" : ""); break;
        case 'p': put_number(&o, &s, (uint64_t)va_arg(ap, void *), 16, lower, "0x"); break;
        case 'c': put(&o, (char)va_arg(ap, int)); break;
        case 's': put_string(&o, &s, va_arg(ap, const char *)); break;
        case '%': put(&o, '%'); break;
        case 0: p--; break;
        default: put(&o, '?'); break;
        }
    }
    va_end(ap);
    if (size)
        buf[MIN(o.length, size - 1)] = 0;
    return (int)o.length;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
