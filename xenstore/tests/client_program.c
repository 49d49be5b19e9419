/*
 * A user of libxenstore, built and linked as any program on Debian is (its header, its library): the test runs it on
 * ours. It exits with 0 when everything is as the header promises.
 */
#include <xenstore.h>
#include <pthread.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __func__, __LINE__, #condition, errno);                          \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static struct xs_handle *h;

static void values(void)
{
    unsigned length;
    char *value;

    CHECK(xs_write(h, XBT_NULL, "/v/a", "x\0y", 3));
    value = xs_read(h, XBT_NULL, "/v/a", &length);
    CHECK(value && length == 3 && memcmp(value, "x\0y", 4) == 0);
    free(value);
    CHECK(!xs_read(h, XBT_NULL, "/v/missing", &length) && errno == ENOENT);
    CHECK(!xs_write(h, XBT_NULL, "/v//a", "", 0) && errno == EINVAL);
    CHECK(xs_mkdir(h, XBT_NULL, "/v/dir"));
    CHECK(xs_rm(h, XBT_NULL, "/v/dir"));
    CHECK(!xs_rm(h, XBT_NULL, "/nowhere/at/all") && errno == ENOENT);
}

static void directories(void)
{
    unsigned count;
    char path[80], **names;

    for (int i = 0; i < 600; i++) {
        snprintf(path, sizeof(path), "/large/some-long-name-%d", i);
        CHECK(xs_mkdir(h, XBT_NULL, path));
    }
    names = xs_directory(h, XBT_NULL, "/large", &count);
    CHECK(names && count == 600);
    for (unsigned i = 0; i < count; i++)
        CHECK(strncmp(names[i], "some-long-name-", 15) == 0);
    free(names);
    names = xs_directory(h, XBT_NULL, "/v/a", &count);
    CHECK(names && count == 0);
    free(names);
}

static void permissions(void)
{
    struct xs_permissions set[] = {{0, XS_PERM_NONE}, {7, XS_PERM_READ | XS_PERM_WRITE}, {8, XS_PERM_WRITE}}, *got;
    unsigned count;

    CHECK(xs_set_permissions(h, XBT_NULL, "/v/a", set, 3));
    got = xs_get_permissions(h, XBT_NULL, "/v/a", &count);
    CHECK(got && count == 3 && got[1].id == 7 && got[1].perms == 3 && got[2].perms == XS_PERM_WRITE);
    free(got);
    CHECK(xs_strings_to_perms(set, 2, "n0\0b12") && set[1].id == 12 && set[1].perms == 3);
    CHECK(!xs_strings_to_perms(set, 1, "q0"));
}

static void transactions(void)
{
    struct xs_handle *other = xs_daemon_open();
    xs_transaction_t t = xs_transaction_start(h);
    char *value;

    CHECK(other && t);
    value = xs_read(h, t, "/v/a", NULL);
    CHECK(value);
    free(value);
    CHECK(xs_write(other, XBT_NULL, "/v/a", "z", 1));
    CHECK(xs_write(h, t, "/v/b", "z", 1));
    CHECK(!xs_transaction_end(h, t, false) && errno == EAGAIN);
    CHECK(!xs_read(h, XBT_NULL, "/v/b", NULL) && errno == ENOENT);
    t = xs_transaction_start(h);
    CHECK(xs_write(h, t, "/v/b", "z", 1) && xs_transaction_end(h, t, true));
    CHECK(!xs_read(h, XBT_NULL, "/v/b", NULL));
    xs_daemon_close(other);
}

static char **next_polled(void)
{
    struct pollfd fd = {xs_fileno(h), POLLIN, 0};
    char **event;

    while (!(event = xs_check_watch(h))) {
        CHECK(errno == EAGAIN);
        CHECK(poll(&fd, 1, 20000) == 1);
    }
    return event;
}

static void polled_events(void)
{
    struct pollfd fd = {xs_fileno(h), POLLIN, 0};
    char **event;

    CHECK(!xs_check_watch(h) && errno == EAGAIN);
    CHECK(xs_watch(h, "/w", "token"));
    event = next_polled();
    CHECK(strcmp(event[XS_WATCH_PATH], "/w") == 0 && strcmp(event[XS_WATCH_TOKEN], "token") == 0);
    free(event);
    /* The event is read off the connection while we wait for an answer: it must still wake poll(). */
    CHECK(xs_write(h, XBT_NULL, "/w/x", "1", 1));
    free(xs_read(h, XBT_NULL, "/w/x", NULL));
    CHECK(poll(&fd, 1, 20000) == 1);
    event = next_polled();
    CHECK(strcmp(event[XS_WATCH_PATH], "/w/x") == 0);
    free(event);
    CHECK(!xs_check_watch(h) && errno == EAGAIN);
    CHECK(poll(&fd, 1, 0) == 0);
    CHECK(xs_unwatch(h, "/w", "token"));
    CHECK(!xs_unwatch(h, "/w", "token") && errno == ENOENT);
}

/* One thread blocks in xs_read_watch() while others ask. */
enum { WRITERS = 4, WRITES = 300 };

static void *writer(void *number)
{
    char path[40], value[16];

    for (int i = 0; i < WRITES; i++) {
        unsigned length;
        char *back;

        snprintf(path, sizeof(path), "/t/%d/%d", *(int *)number, i);
        snprintf(value, sizeof(value), "%d", i);
        CHECK(xs_write(h, XBT_NULL, path, value, (unsigned)strlen(value)));
        back = xs_read(h, XBT_NULL, path, &length);
        CHECK(back && strcmp(back, value) == 0);
        free(back);
    }
    return NULL;
}

static void *watcher(void *ignored)
{
    for (int seen = 0; seen < WRITERS * WRITES;) {
        unsigned count;
        char **event = xs_read_watch(h, &count);

        CHECK(event && strcmp(event[XS_WATCH_TOKEN], "threads") == 0);
        seen += strcmp(event[XS_WATCH_PATH], "/t") != 0;
        free(event);
    }
    return NULL;
}

static void threads(void)
{
    pthread_t watching, writing[WRITERS];
    int numbers[WRITERS];

    CHECK(xs_watch(h, "/t", "threads"));
    CHECK(pthread_create(&watching, NULL, watcher, NULL) == 0);
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&writing[i], NULL, writer, &numbers[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writing[i], NULL);
    pthread_join(watching, NULL);
    CHECK(xs_unwatch(h, "/t", "threads"));
}

static void domains(void)
{
    char *path = xs_get_domain_path(h, 5);

    CHECK(path && strcmp(path, "/local/domain/5") == 0);
    free(path);
    CHECK(xs_is_domain_introduced(h, 0) && !xs_is_domain_introduced(h, 5));
    CHECK(!xs_release_domain(h, 5));
    CHECK(!xs_restrict(h, 1));
    CHECK(xs_path_is_subpath("/a", "/a/b") && !xs_path_is_subpath("/a", "/ab"));
    CHECK(xs_suspend_evtchn_port(5) == -1);
}

int main(void)
{
    h = xs_open(XS_UNWATCH_FILTER);
    CHECK(h);
    values();
    directories();
    permissions();
    transactions();
    polled_events();
    threads();
    domains();
    xs_close(h);
    return 0;
}
