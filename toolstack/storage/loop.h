/* loop.h - files as block devices
 *
 * Buffered I/O on purpose: granted pages are not machine memory of dom0, so without an IOMMU no request that holds
 * them may reach a device. The page cache copies.
 */
#pragma once
#include <sys/types.h>

/* Attaches the file to a free loop device. Returns 0 and the device's number, or a negative errno. */
[[nodiscard]] int loop_attach(const char *path, dev_t *device);

/* Detaches every loop device that stands on the file. Returns 0 or a negative errno. */
[[nodiscard]] int loop_detach(const char *path);
