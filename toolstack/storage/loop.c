/* loop.c - files as block devices */
#include "toolstack/storage/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { PATH_SIZE = 600, ATTEMPTS = 16 };

static int configure(int number, int file, dev_t *device)
{
    struct loop_config config = {.fd = (unsigned)file, .block_size = 512};
    char node[64];
    struct stat st;

    snprintf(node, sizeof(node), "/dev/loop%d", number);
    int loop = open(node, O_RDWR | O_CLOEXEC);
    if (loop < 0)
        return -errno;
    int rc = ioctl(loop, LOOP_CONFIGURE, &config) < 0 || fstat(loop, &st) < 0 ? -errno : 0;
    if (rc == 0)
        *device = st.st_rdev;
    close(loop);
    return rc;
}

int loop_attach(const char *path, dev_t *device)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return -errno;
    int file = open(path, O_RDWR | O_CLOEXEC);
    int rc = file < 0 ? -errno : -EBUSY;

    /* Somebody else may take the free device first. */
    for (int i = 0; rc == -EBUSY && i < ATTEMPTS; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        rc = number < 0 ? -errno : configure(number, file, device);
    }
    if (file >= 0)
        close(file);
    close(control);
    return rc;
}

static bool stands_on(const char *loop_name, const char *path)
{
    char attribute[PATH_SIZE], backing[PATH_SIZE];

    snprintf(attribute, sizeof(attribute), "/sys/block/%s/loop/backing_file", loop_name);
    int fd = open(attribute, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, backing, sizeof(backing) - 1);
    close(fd);
    if (got <= 0)
        return false;
    backing[got] = 0;
    backing[strcspn(backing, "\n")] = 0;
    return strcmp(backing, path) == 0;
}

static int clear(const char *loop_name)
{
    char node[PATH_SIZE];

    snprintf(node, sizeof(node), "/dev/%s", loop_name);
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = ioctl(fd, LOOP_CLR_FD, 0) < 0 && errno != ENXIO ? -errno : 0;
    close(fd);
    return rc;
}

int loop_detach(const char *path)
{
    DIR *dir = opendir("/sys/block");
    int rc = 0;

    if (!dir)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "loop", 4) || !stands_on(entry->d_name, path))
            continue;
        int one = clear(entry->d_name);
        rc = rc ? rc : one;
    }
    closedir(dir);
    return rc;
}
