/* vbd.h - a domain's virtual disks: the store's nodes that connect its blkfront with dom0's blkback */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include <xenstore.h>

struct vbd {
    unsigned index;   /* 0: xvda, 1: xvdb, ... */
    dev_t device;     /* block device of dom0 */
    const char *path; /* the file behind it, for people */
    bool writable;
};

/* Writes the nodes of both ends. Returns 0 or a negative errno. */
[[nodiscard]] int vbd_attach(struct xs_handle *xs, unsigned domid, const struct vbd *vbd);

/*
 * For a domain that will not run any more: closes all its disks and waits until blkback let go of the devices, at most
 * `seconds`. Returns 0, -ETIMEDOUT, or another negative errno.
 */
[[nodiscard]] int vbd_detach_all(struct xs_handle *xs, unsigned domid, unsigned seconds);
