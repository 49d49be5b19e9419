/* vm.c - a VM as atolld knows it: what the database says, and whether it runs */
#include "toolstack/daemon/vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *const class_names[] = {"AdminVM", "TemplateVM", "StandaloneVM", "AppVM"};
static const char *const state_names[] = {"Halted", "Transient", "Running", "Paused", "Transient"};

const char *vm_class_name(enum vm_class class)
{
    return class_names[class];
}

bool vm_class_parse(const char *text, enum vm_class *out)
{
    for (unsigned i = 0; i < sizeof(class_names) / sizeof(class_names[0]); i++) {
        if (!strcmp(class_names[i], text)) {
            *out = (enum vm_class)i;
            return true;
        }
    }
    return false;
}

const char *vm_state_name(enum vm_state state)
{
    return state_names[state];
}

void uuid_format(char out[UUID_TEXT_SIZE], const uint8_t bytes[16])
{
    char *at = out;

    for (unsigned i = 0; i < 16; i++)
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

void uuid_make(char out[UUID_TEXT_SIZE])
{
    uint8_t bytes[16];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        abort(); /* 16 bytes are never given in part, and the kernel's source is ready before us */
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4: random */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    uuid_format(out, bytes);
}

bool uuid_parse(const char *text, uint8_t out[16])
{
    char normal[UUID_TEXT_SIZE];
    unsigned digits = 0;

    for (const char *c = text; *c && digits < 32; c++) {
        unsigned value;
        if (*c == '-')
            continue;
        if (*c >= '0' && *c <= '9')
            value = (unsigned)(*c - '0');
        else if (*c >= 'a' && *c <= 'f')
            value = (unsigned)(*c - 'a') + 10;
        else
            return false;
        out[digits / 2] = (uint8_t)(digits % 2 ? (unsigned)out[digits / 2] << 4 | value : value);
        digits++;
    }
    uuid_format(normal, out);
    return digits == 32 && !strcmp(normal, text);
}
