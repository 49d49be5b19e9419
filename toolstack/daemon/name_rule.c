/* name_rule.c - what names and labels may be, in sentences for users */
#include "toolstack/daemon/name_rule.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "toolstack/daemon/label.h"

/* Such names would be read as something else by rules and tools. */
static bool is_reserved(const char *name)
{
    return !strcmp(name, "dom0") || !strcmp(name, "none") || !strcmp(name, "default") || !strcmp(name, "Domain-0");
}

/* What the user wrote, fit for a terminal and not too long. */
static void quote(char out[80], const char *untrusted)
{
    size_t length = strnlen(untrusted, 60);

    memcpy(out, untrusted, length);
    length = text_sanitise(out, length);
    snprintf(out + length, 80 - length, "%s", strlen(untrusted) > 60 ? "..." : "");
}

bool name_check(const char *untrusted_name, char *why, size_t size)
{
    char shown[80];

    quote(shown, untrusted_name);
    if (!text_is_vm_name(untrusted_name)) {
        snprintf(why, size,
                 "'%s' is not a valid name: letters, digits, '-' and '_' only, starting with a letter, at most %d "
                 "characters.",
                 shown, VM_NAME_MAX);
        return false;
    }
    if (is_reserved(untrusted_name)) {
        snprintf(why, size, "'%s' is a reserved name; choose another one.", shown);
        return false;
    }
    return true;
}

bool label_check(const char *untrusted_label, char *why, size_t size)
{
    char shown[80];

    if (label_find(untrusted_label))
        return true;
    quote(shown, untrusted_label);
    snprintf(why, size, "'%s' is not a label; there are red, orange, yellow, green, gray, blue, purple and black.",
             shown);
    return false;
}
