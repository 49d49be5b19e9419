/* reader.c - only messages that belong to a direction pass, each checked, and nothing is read beyond the current one */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/rpc/reader.h"

/* Feeds bytes in pieces of `piece`. Returns what the last rpc_reader_added() said. */
static int feed(struct rpc_reader *reader, const void *bytes, size_t size, size_t piece)
{
    const uint8_t *from = bytes;
    int r = 0;

    while (size && r == 0) {
        void *where;
        size_t n = rpc_reader_space(reader, &where);
        n = n < size ? n : size;
        n = n < piece ? n : piece;
        assert_true(n > 0);
        memcpy(where, from, n);
        from += n;
        size -= n;
        r = rpc_reader_added(reader, n);
    }
    return r;
}

static size_t build(uint8_t *to, uint32_t type, const void *body, size_t size)
{
    struct rpc_header header = {type, (uint32_t)size};

    memcpy(to, &header, sizeof(header));
    if (size)
        memcpy(to + sizeof(header), body, size);
    return sizeof(header) + size;
}

static struct rpc_reader *greeted_reader(enum rpc_direction direction)
{
    static struct rpc_reader reader;
    uint8_t hello[12];

    rpc_reader_init(&reader, direction);
    assert_int_equal(feed(&reader, hello, build(hello, RPC_HELLO, "\3\0\0\0", 4), 100), 1);
    rpc_reader_next(&reader);
    return &reader;
}

static int result(enum rpc_direction direction, uint32_t type, const void *body, size_t size)
{
    static uint8_t message[RPC_CHUNK * 2];

    return feed(greeted_reader(direction), message, build(message, type, body, size), SIZE_MAX);
}

static void pieces_of_any_size_make_the_same_message(void **state)
{
    uint8_t message[100];
    size_t size = build(message, RPC_STDOUT, "some text", 9);

    for (size_t piece = 1; piece < 20; piece++) {
        struct rpc_reader *reader = greeted_reader(RPC_PROCESS_TO_CALLER);
        assert_int_equal(feed(reader, message, size, piece), 1);
        assert_int_equal(reader->header.type, RPC_STDOUT);
        assert_int_equal(reader->header.length, 9);
        assert_string_equal((char *)reader->body, "some text");
    }
}

static void empty_message_means_end_of_file(void **state)
{
    assert_int_equal(result(RPC_PROCESS_TO_CALLER, RPC_STDERR, nullptr, 0), 1);
    assert_int_equal(result(RPC_CALLER_TO_PROCESS, RPC_STDIN, nullptr, 0), 1);
}

static void greeting_comes_first_and_once(void **state)
{
    struct rpc_reader reader;
    uint8_t message[100];

    rpc_reader_init(&reader, RPC_PROCESS_TO_CALLER);
    assert_int_equal(feed(&reader, message, build(message, RPC_STDOUT, "x", 1), 100), -EPROTO);
    assert_int_equal(result(RPC_PROCESS_TO_CALLER, RPC_HELLO, "\3\0\0\0", 4), -EPROTO);
}

static void messages_of_another_direction_are_refused(void **state)
{
    assert_int_equal(result(RPC_PROCESS_TO_CALLER, RPC_STDIN, "x", 1), -EPROTO);
    assert_int_equal(result(RPC_CALLER_TO_PROCESS, RPC_STDOUT, "x", 1), -EPROTO);
    assert_int_equal(result(RPC_AGENT_TO_DAEMON, RPC_EXEC, "\0\0\0\0\0\0\0\0x", 10), -EPROTO);
    assert_int_equal(result(RPC_CALLER_TO_PROCESS, RPC_EXIT_CODE, "\0\0\0\0", 4), -EPROTO);
    assert_int_equal(result(RPC_AGENT_TO_DAEMON, 0xFFFFFFFF, "", 0), -EPROTO);
}

static void lengths_are_bounded_before_the_body(void **state)
{
    uint32_t header[2] = {RPC_STDOUT, RPC_CHUNK + 1};

    assert_int_equal(feed(greeted_reader(RPC_PROCESS_TO_CALLER), header, 8, 8), -EPROTO);
    header[1] = UINT32_MAX;
    assert_int_equal(feed(greeted_reader(RPC_PROCESS_TO_CALLER), header, 8, 8), -EPROTO);
    header[1] = RPC_CHUNK;
    assert_int_equal(feed(greeted_reader(RPC_PROCESS_TO_CALLER), header, 8, 8), 0);
    header[0] = RPC_EXIT_CODE, header[1] = 3;
    assert_int_equal(feed(greeted_reader(RPC_PROCESS_TO_CALLER), header, 8, 8), -EPROTO);
}

static void largest_message_fits(void **state)
{
    uint8_t *body = calloc(1, RPC_CHUNK);

    assert_int_equal(result(RPC_PROCESS_TO_CALLER, RPC_STDOUT, body, RPC_CHUNK), 1);
    free(body);
}

static void strings_must_end_where_they_should(void **state)
{
    struct rpc_trigger trigger = {.target = "work", .ident = {"socket1"}};
    uint8_t body[200];

    assert_int_equal(result(RPC_DAEMON_TO_AGENT, RPC_EXEC, "\0\0\0\0\1\2\0\0user:ls", 16), 1);
    assert_int_equal(result(RPC_DAEMON_TO_AGENT, RPC_EXEC, "\0\0\0\0\1\2\0\0user:ls", 15), -EPROTO);  /* no NUL */
    assert_int_equal(result(RPC_DAEMON_TO_AGENT, RPC_EXEC, "\0\0\0\0\1\2\0\0us\0r:ls", 16), -EPROTO); /* inside */
    memcpy(body, &trigger, sizeof(trigger));
    memcpy(body + sizeof(trigger), "qubes.GetDate", 14);
    assert_int_equal(result(RPC_AGENT_TO_DAEMON, RPC_TRIGGER, body, sizeof(trigger) + 14), 1);
    memset(body, 'a', 64);
    assert_int_equal(result(RPC_AGENT_TO_DAEMON, RPC_TRIGGER, body, sizeof(trigger) + 14), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_make_the_same_message),
        cmocka_unit_test(empty_message_means_end_of_file),
        cmocka_unit_test(greeting_comes_first_and_once),
        cmocka_unit_test(messages_of_another_direction_are_refused),
        cmocka_unit_test(lengths_are_bounded_before_the_body),
        cmocka_unit_test(largest_message_fits),
        cmocka_unit_test(strings_must_end_where_they_should),
    };

    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
