#include "handle.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct part string_part(const char *string)
{
    return (struct part){string, strlen(string) + 1};
}

static struct message *ask(struct xs_handle *h, uint32_t type, xs_transaction_t t, const char *string)
{
    struct part part = string_part(string);

    return handle_request(h, type, t, &part, 1);
}

static bool done(struct message *answer)
{
    bool success = answer;

    free(answer);
    return success;
}

/* The payload as a block of its own. */
static void *keep_payload(struct message *answer, unsigned int *bytes)
{
    char *payload;

    if (!answer)
        return NULL;
    if (bytes)
        *bytes = answer->header.len;
    payload = malloc(answer->header.len + 1u);
    if (payload)
        memcpy(payload, answer->payload, answer->header.len + 1u);
    free(answer);
    return payload;
}

static unsigned count_strings(const char *strings, size_t bytes)
{
    unsigned count = 0;

    for (size_t i = 0; i < bytes; i++)
        count += strings[i] == '\0';
    return count;
}

/* One block: the pointers, then the strings that they point to. */
static char **to_array(const char *strings, size_t bytes, unsigned int *num)
{
    unsigned count = count_strings(strings, bytes);
    char **array = malloc((count + 1) * sizeof(*array) + bytes), *at;

    if (!array)
        return NULL;
    at = memcpy((char *)(array + count + 1), strings, bytes);
    for (unsigned i = 0; i < count; i++) {
        array[i] = at;
        at += strlen(at) + 1;
    }
    array[count] = NULL;
    *num = count;
    return array;
}

struct list {
    char generation[24];
    char *names;
    size_t bytes;
};

/* Adds one part; sets *end with the last one. False with errno; EAGAIN: the directory changed meanwhile. */
static bool read_part(struct xs_handle *h, xs_transaction_t t, const char *path, struct list *list, bool *end)
{
    char offset[24];
    struct part parts[] = {string_part(path), {offset, 0}};
    struct message *answer;
    size_t skip, bytes;
    char *grown;

    parts[1].bytes = (size_t)snprintf(offset, sizeof(offset), "%zu", list->bytes) + 1;
    answer = handle_request(h, XS_DIRECTORY_PART, t, parts, 2);
    if (!answer)
        return false;
    skip = strlen(answer->payload) + 1;
    if (skip > sizeof(list->generation) || skip >= answer->header.len) {
        free(answer);
        errno = EIO;
        return false;
    }
    if (list->bytes && strcmp(list->generation, answer->payload) != 0) {
        free(answer);
        errno = EAGAIN;
        return false;
    }
    strcpy(list->generation, answer->payload);
    bytes = answer->header.len - skip;
    *end = bytes == 1 || !answer->payload[answer->header.len - 2]; /* ends with an empty name */
    bytes -= *end;
    grown = realloc(list->names, list->bytes + bytes + 1);
    if (grown) {
        memcpy(grown + list->bytes, answer->payload + skip, bytes);
        list->names = grown;
        list->bytes += bytes;
    }
    free(answer);
    return grown;
}

static char **large_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    struct list list = {0};
    char **array = NULL;
    bool end = false;

    while (!end) {
        if (read_part(h, t, path, &list, &end))
            continue;
        if (errno != EAGAIN)
            break;
        list.bytes = 0;
    }
    if (end)
        array = to_array(list.names, list.bytes, num);
    free(list.names);
    return array;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    struct message *answer = ask(h, XS_DIRECTORY, t, path);
    char **array;

    if (!answer)
        return errno == E2BIG ? large_directory(h, t, path, num) : NULL;
    array = to_array(answer->payload, answer->header.len, num);
    free(answer);
    return array;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    return keep_payload(ask(h, XS_READ, t, path), len);
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data, unsigned int len)
{
    struct part parts[] = {string_part(path), {data, len}};

    return done(handle_request(h, XS_WRITE, t, parts, 2));
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    return done(ask(h, XS_MKDIR, t, path));
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    return done(ask(h, XS_RM, t, path));
}

bool xs_restrict(struct xs_handle *h, unsigned domid)
{
    errno = ENOSYS;
    return false;
}

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    struct message *answer = ask(h, XS_GET_PERMS, t, path);
    struct xs_permissions *list;
    unsigned count;

    if (!answer)
        return NULL;
    count = count_strings(answer->payload, answer->header.len);
    list = calloc(count ? count : 1, sizeof(*list));
    if (list && !xs_strings_to_perms(list, count, answer->payload)) {
        free(list);
        list = NULL;
    }
    free(answer);
    *num = list ? count : 0;
    return list;
}

static char access_letter(unsigned int perms)
{
    return "nrwb"[perms & (XS_PERM_READ | XS_PERM_WRITE)];
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, struct xs_permissions *perms,
                        unsigned int num_perms)
{
    char text[XENSTORE_PAYLOAD_MAX];
    struct part parts[] = {string_part(path), {text, 0}};

    for (unsigned i = 0; i < num_perms; i++) {
        size_t room = sizeof(text) - parts[1].bytes;
        size_t bytes =
            (size_t)snprintf(text + parts[1].bytes, room, "%c%u", access_letter(perms[i].perms), perms[i].id) + 1;

        if (bytes > room) {
            errno = E2BIG;
            return false;
        }
        parts[1].bytes += bytes;
    }
    return done(handle_request(h, XS_SET_PERMS, t, parts, 2));
}

static struct message *ask_watch(struct xs_handle *h, uint32_t type, const char *path, const char *token)
{
    struct part parts[] = {string_part(path), string_part(token)};

    return handle_request(h, type, XBT_NULL, parts, 2);
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
    return done(ask_watch(h, XS_WATCH, path, token));
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
    bool success = done(ask_watch(h, XS_UNWATCH, path, token));

    if (success && h->filter)
        handle_forget(h, path, token);
    return success;
}

static char **next_event(struct xs_handle *h, bool wait, unsigned int *num)
{
    struct message *event = handle_event(h, wait);
    char **array;

    if (!event)
        return NULL;
    array = to_array(event->payload, event->header.len, num);
    free(event);
    return array;
}

char **xs_check_watch(struct xs_handle *h)
{
    unsigned int num;

    return next_event(h, false, &num);
}

char **xs_read_watch(struct xs_handle *h, unsigned int *num)
{
    char **event = next_event(h, true, num);

    if (event)
        *num = 2;
    return event;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
    struct message *answer = ask(h, XS_TRANSACTION_START, XBT_NULL, "");
    xs_transaction_t id = answer ? (xs_transaction_t)strtoul(answer->payload, NULL, 10) : XBT_NULL;

    free(answer);
    return id;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    return done(ask(h, XS_TRANSACTION_END, t, abort ? "F" : "T"));
}

/* A request of up to three numbers. */
static struct message *ask_numbers(struct xs_handle *h, uint32_t type, unsigned count, ...)
{
    char text[3][24];
    struct part parts[3];
    va_list numbers;

    va_start(numbers, count);
    for (unsigned i = 0; i < count; i++)
        parts[i] = (struct part){text[i],
                                 (size_t)snprintf(text[i], sizeof(text[i]), "%lu", va_arg(numbers, unsigned long)) + 1};
    va_end(numbers);
    return handle_request(h, type, XBT_NULL, parts, count);
}

bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long mfn, unsigned int eventchn)
{
    return done(ask_numbers(h, XS_INTRODUCE, 3, (unsigned long)domid, mfn, (unsigned long)eventchn));
}

bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target)
{
    return done(ask_numbers(h, XS_SET_TARGET, 2, (unsigned long)domid, (unsigned long)target));
}

bool xs_resume_domain(struct xs_handle *h, unsigned int domid)
{
    return done(ask_numbers(h, XS_RESUME, 1, (unsigned long)domid));
}

bool xs_release_domain(struct xs_handle *h, unsigned int domid)
{
    return done(ask_numbers(h, XS_RELEASE, 1, (unsigned long)domid));
}

bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid)
{
    struct message *answer = ask_numbers(h, XS_IS_DOMAIN_INTRODUCED, 1, (unsigned long)domid);
    bool known = answer && strcmp(answer->payload, "T") == 0;

    free(answer);
    return known;
}

char *xs_get_domain_path(struct xs_handle *h, unsigned int domid)
{
    return keep_payload(ask_numbers(h, XS_GET_DOMAIN_PATH, 1, (unsigned long)domid), NULL);
}

char *xs_control_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len)
{
    struct part parts[] = {string_part(cmd), {data, len}};

    return keep_payload(handle_request(h, XS_CONTROL, XBT_NULL, parts, 2), NULL);
}

char *xs_debug_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len)
{
    return xs_control_command(h, cmd, data, len);
}

int xs_suspend_evtchn_port(int domid)
{
    struct xs_handle *h = xs_open(0);
    char path[80], *text, *end;
    long port = -1;

    if (!h)
        return -1;
    snprintf(path, sizeof(path), "/local/domain/%d/device/suspend/event-channel", domid);
    text = xs_read(h, XBT_NULL, path, NULL);
    if (text && *text) {
        port = strtol(text, &end, 10);
        port = *end || port < 0 || port > INT_MAX ? -1 : port;
    }
    free(text);
    xs_close(h);
    return (int)port;
}
