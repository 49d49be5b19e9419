/* scratch_crypt.c - a block device encrypted with a key that nobody knows and that goes with it (dm-crypt) */
#include "toolstack/storage/scratch_crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { KEY_BYTES = 64, PARAMETERS_MAX = 512 }; /* XTS takes two AES-256 keys */

/* One call of the device mapper: its header, then what belongs to the command. */
struct request {
    struct dm_ioctl header;
    struct dm_target_spec target;
    char parameters[PARAMETERS_MAX];
};

static int call(unsigned long command, struct request *r, const char *name, uint32_t flags)
{
    int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    r->header.version[0] = DM_VERSION_MAJOR;
    r->header.data_size = sizeof(*r);
    r->header.data_start = offsetof(struct request, target);
    r->header.flags = flags;
    snprintf(r->header.name, sizeof(r->header.name), "%s", name);
    int rc = ioctl(fd, command, r) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int size_of(dev_t device, uint64_t *sectors)
{
    char path[64];
    uint64_t bytes;

    snprintf(path, sizeof(path), "/dev/block/%u:%u", major(device), minor(device));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        /* Without udev there are only the kernel's own names. */
        snprintf(path, sizeof(path), "/dev/loop%u", minor(device));
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return -errno;
    int rc = ioctl(fd, BLKGETSIZE64, &bytes) < 0 ? -errno : 0;
    close(fd);
    *sectors = rc ? 0 : bytes / 512;
    return rc;
}

static int load_table(const char *name, dev_t backing, uint64_t sectors)
{
    struct request r = {.header.target_count = 1, .target = {.length = sectors, .target_type = "crypt"}};
    uint8_t key[KEY_BYTES];
    char hex[2 * KEY_BYTES + 1];

    if (getrandom(key, sizeof(key), 0) != sizeof(key))
        return -EIO;
    for (unsigned i = 0; i < sizeof(key); i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", key[i]);
    /* discards are passed on: they tell dom0 only which swap space is in use */
    snprintf(r.parameters, sizeof(r.parameters), "aes-xts-plain64 %s 0 %u:%u 0 1 allow_discards", hex, major(backing),
             minor(backing));
    int rc = call(DM_TABLE_LOAD, &r, name, DM_SECURE_DATA_FLAG);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(hex, sizeof(hex));
    explicit_bzero(&r, sizeof(r));
    return rc;
}

int scratch_crypt_open(const char *name, dev_t backing, dev_t *device)
{
    struct request create = {}, resume = {};
    uint64_t sectors = 0;
    int rc = size_of(backing, &sectors);

    if (rc)
        return rc;
    rc = call(DM_DEV_CREATE, &create, name, 0);
    if (rc)
        return rc;
    rc = load_table(name, backing, sectors);
    if (rc == 0)
        rc = call(DM_DEV_SUSPEND, &resume, name, 0); /* without its flag it means: go on, with the new table */
    if (rc) {
        int undone = scratch_crypt_close(name);
        return undone ? undone : rc;
    }
    *device = makedev(major(create.header.dev), minor(create.header.dev));
    return 0;
}

int scratch_crypt_close(const char *name)
{
    struct request r = {};
    /* blkback says Closed a moment before it lets go: then the device goes at that moment. */
    int rc = call(DM_DEV_REMOVE, &r, name, DM_DEFERRED_REMOVE);

    return rc == -ENXIO || rc == -ENOENT ? 0 : rc;
}
