/* database.c - tests of the store of VMs */
#include "toolstack/domain/tests/cmocka_all.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "toolstack/daemon/database.h"

static char path[] = "/tmp/atoll-database-XXXXXX";
static struct database *db;

static int setup(void **state)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    unlink(path);
    return database_open(&db, path);
}

static int teardown(void **state)
{
    database_close(db);
    unlink(path);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    return 0;
}

static struct vm make(const char *name)
{
    struct vm vm = {.class = VM_APP, .label = label_find("blue")};

    snprintf(vm.name, sizeof(vm.name), "%s", name);
    uuid_make(vm.uuid);
    return vm;
}

static void collect(void *data, const struct vm *vm)
{
    char *names = data;
    sprintf(names + strlen(names), "%u:%s:%s ", vm->qid, vm->name, vm->label->name);
}

static const char *all(void)
{
    static char names[512];

    *names = 0;
    assert_int_equal(database_load(db, collect, names), 0);
    return names;
}

static void vms_are_there_after_reopening(void **state)
{
    struct vm a = make("a"), b = make("b");

    assert_int_equal(database_add(db, &a), 0);
    assert_int_equal(database_add(db, &b), 0);
    a.label = label_find("red");
    assert_int_equal(database_update(db, &a), 0);
    database_close(db);
    assert_int_equal(database_open(&db, path), 0);
    assert_string_equal(all(), "1:a:red 2:b:blue ");
}

static void names_and_numbers_are_unique(void **state)
{
    struct vm a = make("a"), again = make("a"), c = make("c");

    assert_int_equal(database_add(db, &a), 0);
    assert_int_equal(database_add(db, &again), -EEXIST);
    assert_int_equal(database_remove(db, a.uuid), 0);
    assert_int_equal(database_add(db, &c), 0);
    assert_int_not_equal(c.qid, a.qid); /* never given out again */
}

static void values_are_text_and_go_with_their_vm(void **state)
{
    struct vm a = make("a");
    char value[VALUE_MAX];
    const char *odd = "'; DROP TABLE vm; -- %s \\ \n";

    assert_int_equal(database_add(db, &a), 0);
    assert_int_equal(database_get(db, VALUE_PROPERTY, a.uuid, "memory", value), -ENOENT);
    assert_int_equal(database_set(db, VALUE_PROPERTY, a.uuid, "memory", odd), 0);
    assert_int_equal(database_get(db, VALUE_FEATURE, a.uuid, "memory", value), -ENOENT);
    assert_int_equal(database_get(db, VALUE_PROPERTY, a.uuid, "memory", value), 0);
    assert_string_equal(value, odd);
    assert_int_equal(database_unset(db, VALUE_PROPERTY, a.uuid, "memory"), 0);
    assert_int_equal(database_unset(db, VALUE_PROPERTY, a.uuid, "memory"), -ENOENT);
    assert_int_equal(database_set(db, VALUE_FEATURE, a.uuid, "gui", "1"), 0);
    assert_int_equal(database_remove(db, a.uuid), 0);
    assert_int_equal(database_get(db, VALUE_FEATURE, a.uuid, "gui", value), -ENOENT);
    assert_string_equal(all(), "");
}

static void foreign_version_is_refused(void **state)
{
    sqlite3 *sql;

    database_close(db);
    db = nullptr;
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(sql);
    assert_int_equal(database_open(&db, path), -EPROTO);
}

static void uuids_have_one_form(void **state)
{
    uint8_t bytes[16];
    char text[UUID_TEXT_SIZE];

    assert_true(uuid_parse("01234567-89ab-4def-8123-456789abcdef", bytes));
    uuid_format(text, bytes);
    assert_string_equal(text, "01234567-89ab-4def-8123-456789abcdef");
    assert_false(uuid_parse("0123456789ab4def8123456789abcdef", bytes));
    assert_false(uuid_parse("01234567-89ab-4def-8123-456789abcdeg", bytes));
    assert_false(uuid_parse("01234567-89ab-4def-8123-456789abcdef0", bytes));
    assert_false(uuid_parse("01234567-89ab-4def-8123", bytes));
    assert_false(uuid_parse("", bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vms_are_there_after_reopening, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_numbers_are_unique, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_text_and_go_with_their_vm, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_version_is_refused, setup, teardown),
        cmocka_unit_test(uuids_have_one_form),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
