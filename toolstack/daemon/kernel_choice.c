/* kernel_choice.c - the kernels that VMs can start with: folders STATE/kernels/VERSION with vmlinux and initrd */
#include "toolstack/daemon/kernel_choice.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

bool kernel_exists(const char *state_dir, const char *untrusted_version)
{
    char path[PATH_SIZE];

    if (!*untrusted_version || *untrusted_version == '.' || strchr(untrusted_version, '/'))
        return false;
    int length = snprintf(path, sizeof(path), "%s/kernels/%s/vmlinux", state_dir, untrusted_version);
    return length < PATH_SIZE && access(path, R_OK) == 0;
}

void kernel_newest(const char *state_dir, char *out, size_t size)
{
    char path[PATH_SIZE];

    *out = 0;
    snprintf(path, sizeof(path), "%s/kernels", state_dir);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (kernel_exists(state_dir, entry->d_name) && strverscmp(entry->d_name, out) > 0)
            snprintf(out, size, "%s", entry->d_name);
    closedir(dir);
}
