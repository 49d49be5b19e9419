/* database.c - the one store of truth about VMs: SQLite, every change on disk before it is acknowledged */
#include "toolstack/daemon/database.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum { SCHEMA_VERSION = 1 };

static const char schema[] =
    "CREATE TABLE vm (qid INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,"
    " class TEXT NOT NULL, label TEXT NOT NULL, template TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE TABLE property (vm TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (vm, name)) STRICT;"
    "CREATE TABLE feature (vm TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (vm, name)) STRICT;";

struct database {
    sqlite3 *sql;
};

static int report(struct database *db, const char *what)
{
    int code = sqlite3_extended_errcode(db->sql);

    if (code == SQLITE_CONSTRAINT_UNIQUE)
        return -EEXIST;
    log_error("database: %s: %s", what, sqlite3_errmsg(db->sql));
    return code == SQLITE_FULL || sqlite3_system_errno(db->sql) == ENOSPC ? -ENOSPC : -EIO;
}

/* Prepares `text` and binds strings to its parameters; nullptr and a log line if it cannot. */
[[gnu::sentinel]] static sqlite3_stmt *prepare(struct database *db, const char *text, ...)
{
    sqlite3_stmt *statement = nullptr;
    va_list args;
    int index = 1;

    if (sqlite3_prepare_v2(db->sql, text, -1, &statement, nullptr) != SQLITE_OK) {
        report(db, text);
        return nullptr;
    }
    va_start(args, text);
    for (const char *value; (value = va_arg(args, const char *)); index++)
        sqlite3_bind_text(statement, index, value, -1, SQLITE_TRANSIENT);
    va_end(args);
    return statement;
}

/* Runs a statement that returns no rows. */
static int run(struct database *db, sqlite3_stmt *statement)
{
    if (!statement)
        return -EIO;
    int rc = sqlite3_step(statement) == SQLITE_DONE ? 0 : report(db, sqlite3_sql(statement));
    sqlite3_finalize(statement);
    return rc;
}

static int run_text(struct database *db, const char *text)
{
    return sqlite3_exec(db->sql, text, nullptr, nullptr, nullptr) == SQLITE_OK ? 0 : report(db, text);
}

static int version(struct database *db)
{
    sqlite3_stmt *s = prepare(db, "PRAGMA user_version", nullptr);
    int value = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;

    sqlite3_finalize(s);
    return value;
}

static int create_schema(struct database *db)
{
    char set_version[64];

    snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d; COMMIT;", SCHEMA_VERSION);
    int rc = run_text(db, "BEGIN;");
    if (rc == 0)
        rc = run_text(db, schema);
    return rc ? rc : run_text(db, set_version);
}

int database_open(struct database **out, const char *path)
{
    struct database *db = calloc(1, sizeof(*db));

    if (!db)
        return -ENOMEM;
    if (sqlite3_open(path, &db->sql) != SQLITE_OK) {
        int rc = report(db, path);
        database_close(db);
        return rc;
    }
    int rc = run_text(db, "PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;");
    int found = rc ? -1 : version(db);
    if (rc == 0 && found == 0)
        rc = create_schema(db);
    else if (rc == 0 && found != SCHEMA_VERSION) {
        log_error("database: %s has version %d, this program knows %d", path, found, SCHEMA_VERSION);
        rc = -EPROTO;
    }
    if (rc) {
        database_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

void database_close(struct database *db)
{
    if (db)
        sqlite3_close(db->sql);
    free(db);
}

static void copy_column(char *out, size_t size, sqlite3_stmt *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s, column);

    snprintf(out, size, "%s", text ? (const char *)text : "");
}

static bool take_row(struct vm *vm, sqlite3_stmt *s)
{
    char class[32], label[32];

    *vm = (struct vm){.qid = (unsigned)sqlite3_column_int(s, 0)};
    copy_column(vm->uuid, sizeof(vm->uuid), s, 1);
    copy_column(vm->name, sizeof(vm->name), s, 2);
    copy_column(class, sizeof(class), s, 3);
    copy_column(label, sizeof(label), s, 4);
    copy_column(vm->template, sizeof(vm->template), s, 5);
    vm->label = label_find(label);
    return vm->label && vm_class_parse(class, &vm->class);
}

int database_load(struct database *db, void (*each)(void *data, const struct vm *vm), void *data)
{
    sqlite3_stmt *s = prepare(db, "SELECT qid, uuid, name, class, label, template FROM vm ORDER BY qid", nullptr);
    int step = SQLITE_DONE;

    if (!s)
        return -EIO;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        struct vm vm;
        if (take_row(&vm, s))
            each(data, &vm);
        else
            log_error("database: VM '%s' has an unknown class or label and is left out", vm.name);
    }
    int rc = step == SQLITE_DONE ? 0 : report(db, "reading the VMs");
    sqlite3_finalize(s);
    return rc;
}

int database_add(struct database *db, struct vm *vm)
{
    int rc = run(db, prepare(db, "INSERT INTO vm (uuid, name, class, label, template) VALUES (?, ?, ?, ?, ?)", vm->uuid,
                             vm->name, vm_class_name(vm->class), vm->label->name, vm->template, nullptr));

    if (rc == 0)
        vm->qid = (unsigned)sqlite3_last_insert_rowid(db->sql);
    return rc;
}

int database_update(struct database *db, const struct vm *vm)
{
    return run(db, prepare(db, "UPDATE vm SET name = ?, label = ?, template = ? WHERE uuid = ?", vm->name,
                           vm->label->name, vm->template, vm->uuid, nullptr));
}

int database_remove(struct database *db, const char *uuid)
{
    int rc = run_text(db, "BEGIN");
    if (rc)
        return rc;
    rc = run(db, prepare(db, "DELETE FROM property WHERE vm = ?", uuid, nullptr));
    if (rc == 0)
        rc = run(db, prepare(db, "DELETE FROM feature WHERE vm = ?", uuid, nullptr));
    if (rc == 0)
        rc = run(db, prepare(db, "DELETE FROM vm WHERE uuid = ?", uuid, nullptr));
    int end = run_text(db, rc ? "ROLLBACK" : "COMMIT");
    return rc ? rc : end;
}

static const struct {
    const char *get, *set, *unset, *names;
} statements[] = {
    [VALUE_PROPERTY] = {"SELECT value FROM property WHERE vm = ? AND name = ?",
                        "INSERT OR REPLACE INTO property (vm, name, value) VALUES (?, ?, ?)",
                        "DELETE FROM property WHERE vm = ? AND name = ?",
                        "SELECT name FROM property WHERE vm = ? ORDER BY name"},
    [VALUE_FEATURE] = {"SELECT value FROM feature WHERE vm = ? AND name = ?",
                       "INSERT OR REPLACE INTO feature (vm, name, value) VALUES (?, ?, ?)",
                       "DELETE FROM feature WHERE vm = ? AND name = ?",
                       "SELECT name FROM feature WHERE vm = ? ORDER BY name"},
};

int database_get(struct database *db, enum value_kind kind, const char *uuid, const char *name, char out[VALUE_MAX])
{
    sqlite3_stmt *s = prepare(db, statements[kind].get, uuid, name, nullptr);
    if (!s)
        return -EIO;
    int step = sqlite3_step(s), rc = 0;

    if (step == SQLITE_ROW)
        copy_column(out, VALUE_MAX, s, 0);
    else
        rc = step == SQLITE_DONE ? -ENOENT : report(db, "reading a value");
    sqlite3_finalize(s);
    return rc;
}

int database_set(struct database *db, enum value_kind kind, const char *uuid, const char *name, const char *value)
{
    return run(db, prepare(db, statements[kind].set, uuid, name, value, nullptr));
}

int database_unset(struct database *db, enum value_kind kind, const char *uuid, const char *name)
{
    int rc = run(db, prepare(db, statements[kind].unset, uuid, name, nullptr));

    return rc == 0 && sqlite3_changes(db->sql) == 0 ? -ENOENT : rc;
}

int database_copy_values(struct database *db, const char *from_uuid, const char *to_uuid)
{
    int rc = run(db, prepare(db, "INSERT INTO property SELECT ?, name, value FROM property WHERE vm = ?", to_uuid,
                             from_uuid, nullptr));

    return rc ? rc
              : run(db, prepare(db, "INSERT INTO feature SELECT ?, name, value FROM feature WHERE vm = ?", to_uuid,
                                from_uuid, nullptr));
}

int database_names(struct database *db, enum value_kind kind, const char *uuid,
                   void (*each)(void *data, const char *name), void *data)
{
    sqlite3_stmt *s = prepare(db, statements[kind].names, uuid, nullptr);
    int step = SQLITE_DONE;

    if (!s)
        return -EIO;
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        each(data, (const char *)sqlite3_column_text(s, 0));
    int rc = step == SQLITE_DONE ? 0 : report(db, "reading names");
    sqlite3_finalize(s);
    return rc;
}
