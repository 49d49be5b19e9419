/* channel.c - whole channels over the socket twin: two processes, large data, and peers that die at any moment */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vchan/libvchan.h"

static char folder[] = "/tmp/vchan-test-XXXXXX";

/* Runs `body` as domain `domain` in a process of its own; it exits with 0 if all went well. */
static pid_t as_domain(int domain, int (*body)(void))
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        char number[12];
        snprintf(number, sizeof(number), "%d", domain);
        setenv("VCHAN_DOMAIN", number, 1);
        alarm(50); /* a hang is a failure */
        _exit(body());
    }
    return pid;
}

static int result_of(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A reproducible stream. */
static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 167 ^ i >> 8 ^ i >> 16);
}

enum { TOTAL = 3000000 };

static int send_stream(libvchan_t *channel)
{
    uint8_t chunk[9973];

    for (size_t at = 0; at < TOTAL;) {
        size_t n = at + sizeof(chunk) < TOTAL ? sizeof(chunk) : TOTAL - at;
        for (size_t i = 0; i < n; i++)
            chunk[i] = byte_at(at + i);
        if (libvchan_write(channel, chunk, n) != (int)n)
            return 1;
        at += n;
    }
    return 0;
}

static int expect_stream(libvchan_t *channel)
{
    uint8_t chunk[7001];

    for (size_t at = 0; at < TOTAL;) {
        int n = libvchan_read(channel, chunk, sizeof(chunk));
        if (n <= 0)
            return 2;
        for (int i = 0; i < n; i++)
            if (chunk[i] != byte_at(at++))
                return 3;
    }
    return 0;
}

static int streaming_server(void)
{
    libvchan_t *channel = libvchan_server_init(2, 600, 4096, 65536);

    if (!channel)
        return 9;
    int r = expect_stream(channel);
    if (r == 0)
        r = send_stream(channel);
    uint8_t byte;
    if (r == 0 && libvchan_read(channel, &byte, 1) != -1) /* the client closes */
        r = 4;
    libvchan_close(channel);
    return r;
}

static int streaming_client(void)
{
    libvchan_t *channel = libvchan_client_init(1, 600);

    if (!channel)
        return 9;
    int r = send_stream(channel);
    if (r == 0)
        r = expect_stream(channel);
    libvchan_close(channel);
    return r;
}

static void megabytes_arrive_unchanged_both_ways(void **state)
{
    pid_t server = as_domain(1, streaming_server), client = as_domain(2, streaming_client);

    assert_int_equal(result_of(client), 0);
    assert_int_equal(result_of(server), 0);
}

/* The last words of a peer that leaves at once must be readable, then the channel is closed. */
static int parting_client(void)
{
    libvchan_t *channel = libvchan_client_init(1, 601);

    if (!channel || libvchan_send(channel, "bye", 3) != 3)
        return 1;
    libvchan_close(channel);
    return 0;
}

static void last_words_are_not_lost(void **state)
{
    for (int i = 0; i < 50; i++) {
        libvchan_t *server = libvchan_server_init(2, 601, 1024, 1024);
        char text[3];

        assert_non_null(server);
        assert_int_equal(libvchan_is_open(server), VCHAN_WAITING);
        pid_t client = as_domain(2, parting_client);
        assert_int_equal(libvchan_recv(server, text, 3), 3);
        assert_memory_equal(text, "bye", 3);
        assert_int_equal(libvchan_read(server, text, 1), -1);
        assert_int_equal(libvchan_is_open(server), VCHAN_DISCONNECTED);
        assert_int_equal(libvchan_write(server, text, 1), -1);
        libvchan_close(server);
        assert_int_equal(result_of(client), 0);
    }
}

static int idle_client(void)
{
    libvchan_t *channel = libvchan_client_init(1, 602);

    if (!channel || libvchan_send(channel, "here", 4) != 4)
        return 1;
    for (;;)
        pause();
}

static void killed_peer_closes_the_channel(void **state)
{
    libvchan_t *server = libvchan_server_init(2, 602, 1024, 1024);
    char text[4];

    assert_non_null(server);
    pid_t client = as_domain(2, idle_client);
    assert_int_equal(libvchan_recv(server, text, 4), 4);
    assert_int_equal(libvchan_is_open(server), VCHAN_CONNECTED);
    kill(client, SIGKILL);
    assert_int_equal(libvchan_read(server, text, 1), -1); /* wakes up */
    assert_int_equal(libvchan_is_open(server), VCHAN_DISCONNECTED);
    libvchan_close(server);
    assert_int_equal(result_of(client), 128 + SIGKILL);
}

/* A full ring blocks the writer; the reader's death ends its wait. */
static void writer_wakes_when_the_reader_dies(void **state)
{
    libvchan_t *server = libvchan_server_init(2, 602, 1024, 1024);
    char text[4096] = {};

    assert_non_null(server);
    pid_t client = as_domain(2, idle_client);
    assert_int_equal(libvchan_recv(server, text, 4), 4);
    libvchan_set_blocking(server, false);
    assert_in_range(libvchan_write(server, text, sizeof(text)), 1024, 2048);
    assert_int_equal(libvchan_write(server, text, 1), 0);
    assert_int_equal(libvchan_buffer_space(server), 0);
    libvchan_set_blocking(server, true);
    kill(client, SIGKILL);
    assert_int_equal(libvchan_write(server, text, 1), -1);
    libvchan_close(server);
    assert_int_equal(result_of(client), 128 + SIGKILL);
}

static int late_server(void)
{
    libvchan_t *channel = libvchan_server_init(1, 603, 1024, 1024);
    char byte;

    int r = !channel || libvchan_recv(channel, &byte, 1) != 1 || byte != 'x';
    libvchan_close(channel);
    return r;
}

static void asynchronous_client_waits_for_its_server(void **state)
{
    int fd = -1;
    libvchan_t *client = libvchan_client_init_async(2, 603, &fd);

    assert_non_null(client);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0),
                     1); /* the server could be there already */
    assert_int_equal(libvchan_client_init_async_finish(client, false), 1);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0), 0);
    pid_t server = as_domain(2, late_server);
    int r;
    do {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 20000), 1);
        r = libvchan_client_init_async_finish(client, false);
    } while (r == 1);
    assert_int_equal(r, 0);
    assert_int_equal(libvchan_send(client, "x", 1), 1);
    assert_int_equal(result_of(server), 0);
    libvchan_close(client);
}

static void abandoned_search_ends_cleanly(void **state)
{
    int fd;
    libvchan_t *client = libvchan_client_init_async(2, 604, &fd);

    assert_non_null(client);
    libvchan_close(client);
}

/* The client is there and waits before the server looks for the first time. */
static void first_word_reaches_a_client_that_came_early(void **state)
{
    libvchan_t *server = libvchan_server_init(1, 608, 1024, 1024);
    libvchan_t *client = libvchan_client_init(1, 608);
    struct pollfd wait = {.fd = libvchan_fd_for_select(client), .events = POLLIN};

    assert_int_equal(libvchan_data_ready(client), 0);
    assert_int_equal(libvchan_send(server, "x", 1), 1);
    assert_int_equal(poll(&wait, 1, 5000), 1);
    libvchan_close(client);
    libvchan_close(server);
}

/* Ports are used again; an old server that closes late must not take away what a new one offers. */
static void late_close_leaves_the_next_server_alone(void **state)
{
    libvchan_t *old = libvchan_server_init(1, 607, 1024, 1024);
    libvchan_t *new = libvchan_server_init(1, 607, 1024, 1024);
    int fd;

    assert_non_null(old);
    assert_non_null(new);
    libvchan_close(old);
    libvchan_t *client = libvchan_client_init_async(1, 607, &fd);
    assert_int_equal(libvchan_client_init_async_finish(client, false), 0);
    assert_int_equal(libvchan_send(client, "x", 1), 1);
    assert_int_equal(libvchan_data_ready(new), 1);
    libvchan_close(client);
    libvchan_close(new);
}

static void messages_larger_than_the_ring_are_refused(void **state)
{
    libvchan_t *server = libvchan_server_init(2, 605, 1024, 1024);
    char data[8192] = {};

    assert_non_null(server);
    assert_int_equal(libvchan_send(server, data, sizeof(data)), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(libvchan_recv(server, data, sizeof(data)), -1);
    libvchan_close(server);
    assert_null(libvchan_server_init(2, 605, 2 << 20, 1024));
}

/* The descriptor must become readable for new data, and be silent when all was taken. */
static void descriptor_tells_of_data_and_room(void **state)
{
    libvchan_t *server = libvchan_server_init(1, 606, 1024, 1024);
    libvchan_t *client = libvchan_client_init(1, 606);
    struct pollfd wait = {.fd = libvchan_fd_for_select(server), .events = POLLIN};
    char data[4096];

    assert_non_null(server);
    assert_non_null(client);
    while (poll(&wait, 1, 0) > 0)
        assert_int_equal(libvchan_wait(server), 0);
    assert_int_equal(libvchan_is_open(server), VCHAN_CONNECTED);
    assert_int_equal(libvchan_data_ready(server), 0);
    assert_int_equal(libvchan_send(client, "abc", 3), 3);
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(libvchan_wait(server), 0);
    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_int_equal(libvchan_data_ready(server), 3);

    int space = libvchan_buffer_space(server);
    assert_int_equal(libvchan_send(server, data, (size_t)space), space);
    assert_int_equal(libvchan_buffer_space(server), 0);
    assert_int_equal(libvchan_recv(client, data, 100), 100);
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(libvchan_wait(server), 0);
    assert_int_equal(libvchan_buffer_space(server), 100);
    libvchan_close(client);
    assert_int_equal(poll(&wait, 1, 5000), 1);
    libvchan_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(megabytes_arrive_unchanged_both_ways),
        cmocka_unit_test(last_words_are_not_lost),
        cmocka_unit_test(killed_peer_closes_the_channel),
        cmocka_unit_test(writer_wakes_when_the_reader_dies),
        cmocka_unit_test(asynchronous_client_waits_for_its_server),
        cmocka_unit_test(abandoned_search_ends_cleanly),
        cmocka_unit_test(first_word_reaches_a_client_that_came_early),
        cmocka_unit_test(late_close_leaves_the_next_server_alone),
        cmocka_unit_test(messages_larger_than_the_ring_are_refused),
        cmocka_unit_test(descriptor_tells_of_data_and_room),
    };

    if (!mkdtemp(folder))
        return 1;
    setenv("VCHAN_SOCKET_DIR", folder, 1);
    setenv("VCHAN_DOMAIN", "1", 1);
    int failed = cmocka_run_group_tests(tests, nullptr, nullptr);
    return rmdir(folder) < 0 ? 1 : failed; /* a channel that left something behind is a failure too */
}
