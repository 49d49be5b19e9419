/* volume.h - the disk images of a VM, as files on the data partition
 *
 * A VM's folder is STATE/vms/UUID. A template's root is STATE/templates/NAME/root.img. Every function returns 0 or a
 * negative errno; volume_create() and volume_start() answer -ENOSPC already when less than 64 MiB are free.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VOLUME_PATH_MAX = 512 };

/* Where a running VM's volumes are; an empty path: it has none. */
struct volume_set {
    char root[VOLUME_PATH_MAX], private_[VOLUME_PATH_MAX], volatile_[VOLUME_PATH_MAX];
};

/* How a VM's root behaves. */
enum root_kind {
    ROOT_OF_TEMPLATE, /* a copy of its template's root, made at start and discarded at stop */
    ROOT_OWN,         /* persistent; a start works on a copy that replaces the root at stop, so that others copy a
                         consistent one meanwhile */
};

struct volume_owner {
    const char *state_dir; /* such as /var/lib/atoll */
    const char *uuid;
    enum root_kind kind;
    const char *root_source; /* path of the root that starts copy: the template's, or the VM's own */
};

/* Makes `to` a copy of `from`, sharing blocks where the file system can, else copying what is not a hole. */
[[nodiscard]] int volume_copy(const char *from, const char *to);

/* A new VM's folder with an empty private volume (the guest formats it); with `root_from`, a root of its own as well.
 */
[[nodiscard]] int volume_create(const char *state_dir, const char *uuid, uint64_t private_bytes, const char *root_from);

/* A new template: its root, copied, in `root_folder`, which is made, and the VM's folder as above. */
[[nodiscard]] int volume_create_template(const char *root_folder, const char *root_from, const char *state_dir,
                                         const char *uuid, uint64_t private_bytes);

/* Makes what a start needs and says where it is. Volatile is `volatile_bytes` long, without content. */
[[nodiscard]] int volume_start(const struct volume_owner *owner, uint64_t volatile_bytes, struct volume_set *out);

/* Makes the private volume of `to` (an existing folder) a copy of that of `from`; both are halted. */
[[nodiscard]] int volume_copy_private(const char *state_dir, const char *from_uuid, const char *to_uuid);

/* Says where a running VM's volumes are. */
void volume_paths(const struct volume_owner *owner, struct volume_set *out);

/* After the VM ended and nothing uses the files any more: keeps or discards them as their kind says. */
[[nodiscard]] int volume_stop(const struct volume_owner *owner);

/* Deletes the VM's folder. */
[[nodiscard]] int volume_remove(const char *state_dir, const char *uuid);

/* Deletes a folder and the files in it; one that is not there is no error. */
[[nodiscard]] int volume_remove_folder(const char *folder);

/* Path of a StandaloneVM's own root. */
void volume_own_root(char out[VOLUME_PATH_MAX], const char *state_dir, const char *uuid);

/* Why one of these failed and what to do, to stand after a colon, without a full stop. */
[[nodiscard]] const char *volume_reason(int rc);
