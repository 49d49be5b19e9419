/* name_rule.h - what names and labels may be, in sentences for users */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Whether it may be a VM's name; if not, `why` holds the sentence. */
[[nodiscard]] bool name_check(const char *untrusted_name, char *why, size_t size);

/* Whether it is a label; if not, `why` holds the sentence. */
bool label_check(const char *untrusted_label, char *why, size_t size);
