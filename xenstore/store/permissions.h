/* permissions.h - who may read and write a node: the first entry names the owner and the default for all others */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

enum access { ACCESS_NONE = 0, ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_OWNER = 4 };

struct permission {
    domid_t domid;
    uint8_t access; /* ACCESS_READ | ACCESS_WRITE */
};

#define PERMISSIONS_MAX 64 /* per node, whoever asks; what guests may have is in quota.h */

struct permissions {
    uint32_t count; /* at least 1 */
    struct permission *entries;
};

/* Who asks: a domain, and perhaps a second one whose rights it has too (SET_TARGET). */
struct identity {
    domid_t domid;
    domid_t target; /* DOMID_INVALID: none */
};

/* Domain 0 passes every check. */
bool identity_is_privileged(const struct identity *who);

/* A new list with one entry. Free every list with permissions_free(). */
struct permissions permissions_single(domid_t owner, uint8_t others);
struct permissions permissions_copy(const struct permissions *from);
void permissions_free(struct permissions *list);
bool permissions_equal(const struct permissions *a, const struct permissions *b);

/* The access that `who` has, ACCESS_OWNER included where it owns the node. */
unsigned permissions_of(const struct permissions *list, const struct identity *who);

/* Removes the entries of a dead domain, so that the next one with its number inherits nothing. The owner's entry stays.
 */
bool permissions_forget(struct permissions *list, domid_t domid);

/*
 * The wire form: "n0\0r7\0". Parsing reads `bytes` untrusted bytes, all of them, and returns false (with nothing
 * allocated) for a malformed or empty list; formatting returns the bytes needed, writing at most `room` of them.
 */
[[nodiscard]] bool permissions_parse(const char *untrusted, size_t bytes, struct permissions *out);
size_t permissions_format(const struct permissions *list, char *out, size_t room);
