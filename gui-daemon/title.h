/* title.h - window titles from VMs, cut down to what is safe to draw
 *
 * Until a VM is allowed more, only printable ASCII is drawn: other characters can look like these, hide, or change the
 * order of what is around them.
 */
#pragma once
#include <stddef.h>

/* Copies at most `size` - 1 characters of `untrusted` (UTF-8 of `length` bytes or up to a NUL) to `out`, each character
 * that is not printable ASCII as one '_'. Always ends with a NUL. */
void title_clean(const char *untrusted, size_t length, char *out, size_t size);
