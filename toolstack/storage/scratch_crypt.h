/* scratch_crypt.h - a block device encrypted with a key that nobody knows and that goes with it (dm-crypt) */
#pragma once
#include <sys/types.h>

/*
 * Puts AES-XTS with a new random key over `backing`, under the name `name` (at most 127 characters, not in use).
 * Returns 0 and the device, or a negative errno. What was written cannot be read any more after scratch_crypt_close().
 */
[[nodiscard]] int scratch_crypt_open(const char *name, dev_t backing, dev_t *device);

/*
 * Forgets device and key, as soon as nothing has it open; one that does not exist is no error. Returns 0 or a negative
 * errno.
 */
[[nodiscard]] int scratch_crypt_close(const char *name);
