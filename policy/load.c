/* load.c - the files of a policy */
#include "policy/policy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, FILES_MAX = 1000 };

/* The whole file as text. Returns a new string, or null with a sentence in `error`. */
static char *slurp(const char *path, char *error)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(FILE_MAX + 1) : nullptr;

    if (!text) {
        snprintf(error, POLICY_ERROR_SIZE, "cannot read %.200s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        return nullptr;
    }
    size_t n = fread(text, 1, FILE_MAX + 1, file);
    bool failed = ferror(file) || n > FILE_MAX || memchr(text, 0, n);
    fclose(file);
    if (failed) {
        snprintf(error, POLICY_ERROR_SIZE, "%.200s: not a text file of at most %d bytes", path, FILE_MAX);
        free(text);
        return nullptr;
    }
    text[n] = 0;
    return text;
}

static int load_file(struct policy *policy, const char *path, const char *service, const char *argument,
                     unsigned int depth, char *error)
{
    char *text = slurp(path, error);
    int r = text ? policy_parse(policy, path, text, service, argument, depth, error) : -1;

    free(text);
    return r;
}

struct entry {
    char *name;
    const char *folder;
    int folder_length;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Files of other endings are nobody's; of ours every name must be one that sorts the same everywhere. */
static int consider(struct entry *entries, size_t *count, const char *folder, int length, const char *name, char *error)
{
    size_t n = strlen(name);

    if (name[0] == '.' || n < 8 || strcmp(name + n - 7, ".policy") != 0)
        return 0;
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] || *count == FILES_MAX) {
        snprintf(error, POLICY_ERROR_SIZE,
                 "%.*s/%.200s: a policy's file name has lower-case letters, digits and _ . - only", length, folder,
                 name);
        return -1;
    }
    entries[(*count)++] = (struct entry){.name = strdup(name), .folder = folder, .folder_length = length};
    return 0;
}

static int list_folder(struct entry *entries, size_t *count, const char *folder, int length, char *error)
{
    char path[256];
    const struct dirent *entry;
    int r = 0;

    snprintf(path, sizeof(path), "%.*s", length, folder);
    DIR *dir = opendir(path);
    if (!dir && errno == ENOENT)
        return 0;
    if (!dir) {
        snprintf(error, POLICY_ERROR_SIZE, "cannot read folder %.200s: %s", path, strerror(errno));
        return -1;
    }
    while (r == 0 && (entry = readdir(dir)))
        r = consider(entries, count, folder, length, entry->d_name, error);
    closedir(dir);
    return r;
}

static int load_folders(struct policy *policy, const char *folders, const char *service, const char *argument,
                        unsigned int depth, char *error)
{
    static struct entry pool[8][FILES_MAX]; /* by depth */
    struct entry *entries = pool[depth % 8];
    size_t count = 0;
    int r = 0;

    for (const char *at = folders; r == 0 && *at; at += strcspn(at, ":") + (strchr(at, ':') != nullptr))
        r = list_folder(entries, &count, at, (int)strcspn(at, ":"), error);
    qsort(entries, count, sizeof(entries[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%.*s/%s", entries[i].folder_length, entries[i].folder, entries[i].name);
        if (r == 0)
            r = load_file(policy, path, service, argument, depth, error);
        free(entries[i].name);
    }
    return r;
}

int policy_include(struct policy *policy, const char *path, bool folder, const char *service, const char *argument,
                   unsigned int depth, char error[static POLICY_ERROR_SIZE])
{
    return folder ? load_folders(policy, path, service, argument, depth, error)
                  : load_file(policy, path, service, argument, depth, error);
}

int policy_load(struct policy *policy, const char *folders, char error[static POLICY_ERROR_SIZE])
{
    *policy = (struct policy){};
    return load_folders(policy, folders, nullptr, nullptr, 0, error);
}
