/* string.c - memory and string functions */
#include <hv/string.h>

/* By words in plain loops: string instructions go byte by byte in an emulator, and loops of this size are as good
 * elsewhere. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word;
#define WORDS_PER_TURN 8

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    for (; n >= sizeof(word) * WORDS_PER_TURN; n -= sizeof(word) * WORDS_PER_TURN)
        for (int i = 0; i < WORDS_PER_TURN; i++, d += sizeof(word), s += sizeof(word))
            *(word *)d = *(const word *)s;
    for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word), s += sizeof(word))
        *(word *)d = *(const word *)s;
    while (n--)
        *d++ = *s++;
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;
    if (d <= s || d >= s + n)
        return memcpy(dst, src, n);
    while (n--)
        d[n] = s[n];
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    unsigned char *d = dst;
    uint64_t pattern = (unsigned char)c * 0x0101010101010101ul;

    for (; n >= sizeof(word) * WORDS_PER_TURN; n -= sizeof(word) * WORDS_PER_TURN)
        for (int i = 0; i < WORDS_PER_TURN; i++, d += sizeof(word))
            *(word *)d = pattern;
    for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word))
        *(word *)d = pattern;
    while (n--)
        *d++ = (unsigned char)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n])
        n++;
    return n;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}
