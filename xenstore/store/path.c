#include "path.h"
#include <stdio.h>
#include <string.h>

static bool valid_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-/_@", c));
}

static bool valid_characters(const char *name)
{
    for (; *name; name++)
        if (!valid_character(*name))
            return false;
    return true;
}

bool path_is_special(const char *path)
{
    return path[0] == '@';
}

/* "/a/b": no empty component, no slash at the end. */
static bool well_formed(const char *absolute)
{
    size_t length = strlen(absolute);

    if (length == 1)
        return absolute[0] == '/';
    return absolute[0] == '/' && absolute[length - 1] != '/' && !strstr(absolute, "//");
}

bool path_resolve(const char *untrusted, domid_t domid, char absolute[static PATH_BYTES])
{
    size_t length = strlen(untrusted);
    int written;

    if (!length || length > XENSTORE_ABS_PATH_MAX || !valid_characters(untrusted))
        return false;
    if (path_is_special(untrusted) || untrusted[0] == '/') {
        memcpy(absolute, untrusted, length + 1);
        return path_is_special(untrusted) ? !strchr(untrusted, '/') : well_formed(absolute);
    }
    if (length > XENSTORE_REL_PATH_MAX)
        return false;
    written = snprintf(absolute, PATH_BYTES, "/local/domain/%u/%s", domid, untrusted);
    return written > 0 && written < (int)PATH_BYTES && well_formed(absolute);
}

size_t path_home_prefix(const char *absolute, domid_t domid)
{
    char home[40];
    size_t length = (size_t)snprintf(home, sizeof(home), "/local/domain/%u/", domid);

    return strncmp(absolute, home, length) == 0 ? length : 0;
}

bool path_is_within(const char *path, const char *ancestor)
{
    size_t length = strlen(ancestor);

    if (path_is_special(path) || path_is_special(ancestor))
        return strcmp(path, ancestor) == 0;
    if (length == 1)
        return true;
    return strncmp(path, ancestor, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

bool path_parent(const char *path, char parent[static PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    size_t length;

    if (path_is_special(path) || !slash || path[1] == '\0')
        return false;
    length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, path, length);
    parent[length] = '\0';
    return true;
}
