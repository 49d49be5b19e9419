/* volume.c - the disk images of a VM, as files on the data partition */
#include "toolstack/storage/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "toolstack/storage/sparse_copy.h"

/* A VM that is started with less than this is told of write errors on its root before its first window is there. */
static const uint64_t room_min = 64 << 20;

[[gnu::format(printf, 2, 3)]] static void path_format(char out[VOLUME_PATH_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(out, VOLUME_PATH_MAX, format, args);
    va_end(args);
}

static void folder_of(char out[VOLUME_PATH_MAX], const char *state_dir, const char *uuid)
{
    path_format(out, "%s/vms/%s", state_dir, uuid);
}

void volume_own_root(char out[VOLUME_PATH_MAX], const char *state_dir, const char *uuid)
{
    path_format(out, "%s/vms/%s/root.img", state_dir, uuid);
}

static int copy_content(int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EXDEV && errno != EINVAL && errno != ENOTTY && errno != ENOSYS)
        return -errno;
    return sparse_copy(from, to);
}

/* The new file appears under its name only when it is complete. */
int volume_copy(const char *from, const char *to)
{
    char part[VOLUME_PATH_MAX];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int rc = 0;

    if (in < 0)
        return -errno;
    if (snprintf(part, sizeof(part), "%s.part", to) >= VOLUME_PATH_MAX) {
        close(in);
        return -ENAMETOOLONG;
    }
    int out = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rc = out < 0 ? -errno : copy_content(in, out);
    if (rc == 0 && rename(part, to) < 0)
        rc = -errno;
    if (rc && out >= 0)
        unlink(part);
    if (out >= 0)
        close(out);
    close(in);
    return rc;
}

static int make_hole(const char *path, uint64_t bytes)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    int rc = ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int sync_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int rc = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int check_room(const char *state_dir)
{
    struct statvfs st;

    if (statvfs(state_dir, &st) < 0)
        return -errno;
    return (uint64_t)st.f_bavail * st.f_frsize < room_min ? -ENOSPC : 0;
}

int volume_create(const char *state_dir, const char *uuid, uint64_t private_bytes, const char *root_from)
{
    char folder[VOLUME_PATH_MAX], path[VOLUME_PATH_MAX];

    int rc = check_room(state_dir);
    if (rc)
        return rc;
    path_format(path, "%s/vms", state_dir);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    folder_of(folder, state_dir, uuid);
    if (mkdir(folder, 0700) < 0)
        return -errno;

    path_format(path, "%s/vms/%s/private.img", state_dir, uuid);
    rc = make_hole(path, private_bytes);
    if (rc == 0 && root_from) {
        volume_own_root(path, state_dir, uuid);
        rc = volume_copy(root_from, path);
    }
    if (rc == 0)
        rc = sync_path(folder);
    if (rc && volume_remove(state_dir, uuid)) {
        /* what could not be made may not be removable either; the first error is the one to report */
    }
    return rc;
}

static void root_work_path(char out[VOLUME_PATH_MAX], const struct volume_owner *owner)
{
    if (owner->kind == ROOT_OF_TEMPLATE)
        path_format(out, "%s/vms/%s/root-cow.img", owner->state_dir, owner->uuid);
    else
        path_format(out, "%s-dirty", owner->root_source);
}

void volume_paths(const struct volume_owner *owner, struct volume_set *out)
{
    root_work_path(out->root, owner);
    path_format(out->private_, "%s/vms/%s/private.img", owner->state_dir, owner->uuid);
    path_format(out->volatile_, "%s/vms/%s/volatile.img", owner->state_dir, owner->uuid);
}

int volume_start(const struct volume_owner *owner, uint64_t volatile_bytes, struct volume_set *out)
{
    int rc = check_room(owner->state_dir);

    volume_paths(owner, out);
    if (rc)
        return rc;
    /* A dirty root of its own is left by a power cut: what the VM wrote last is in it. */
    if (owner->kind == ROOT_OF_TEMPLATE || access(out->root, F_OK) < 0)
        rc = volume_copy(owner->root_source, out->root);
    if (rc == 0)
        rc = make_hole(out->volatile_, volatile_bytes);
    return rc;
}

int volume_stop(const struct volume_owner *owner)
{
    char root[VOLUME_PATH_MAX], path[VOLUME_PATH_MAX];
    int rc = 0;

    root_work_path(root, owner);
    path_format(path, "%s/vms/%s/volatile.img", owner->state_dir, owner->uuid);
    unlink(path);
    if (owner->kind == ROOT_OF_TEMPLATE) {
        unlink(root);
    } else if (access(root, F_OK) == 0) {
        rc = sync_path(root);
        if (rc == 0 && rename(root, owner->root_source) < 0)
            rc = -errno;
    }
    path_format(path, "%s/vms/%s/private.img", owner->state_dir, owner->uuid);
    int private_rc = sync_path(path);
    return rc ? rc : private_rc;
}

int volume_create_template(const char *root_folder, const char *root_from, const char *state_dir, const char *uuid,
                           uint64_t private_bytes)
{
    char root[VOLUME_PATH_MAX];

    if (mkdir(root_folder, 0755) < 0)
        return -errno;
    path_format(root, "%s/root.img", root_folder);
    int rc = volume_copy(root_from, root);
    if (rc == 0)
        rc = volume_create(state_dir, uuid, private_bytes, nullptr);
    if (rc && volume_remove_folder(root_folder)) {
        /* as in volume_create() */
    }
    return rc;
}

int volume_copy_private(const char *state_dir, const char *from_uuid, const char *to_uuid)
{
    char from[VOLUME_PATH_MAX], to[VOLUME_PATH_MAX];

    path_format(from, "%s/vms/%s/private.img", state_dir, from_uuid);
    path_format(to, "%s/vms/%s/private.img", state_dir, to_uuid);
    return volume_copy(from, to);
}

int volume_remove(const char *state_dir, const char *uuid)
{
    char folder[VOLUME_PATH_MAX];

    folder_of(folder, state_dir, uuid);
    return volume_remove_folder(folder);
}

int volume_remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    return rmdir(folder) < 0 ? -errno : 0;
}

const char *volume_reason(int rc)
{
    if (rc == -ENOSPC || rc == -EDQUOT)
        return "the disk is full; delete a VM that is not needed with qvm-remove, and try again";
    return strerror(-rc);
}
