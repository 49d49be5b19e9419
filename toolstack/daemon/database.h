/* database.h - the one store of truth about VMs: SQLite, every change on disk before it is acknowledged
 *
 * Functions return 0 or a negative errno (-EIO for what SQLite reports, which is then in the log; -EEXIST for a name
 * that is taken).
 */
#pragma once
#include "toolstack/daemon/vm.h"

struct database;

/* Opens or creates the file. */
[[nodiscard]] int database_open(struct database **db, const char *path);
void database_close(struct database *db);

/* Calls `each` for every VM in order of qid; it copies what it keeps. */
[[nodiscard]] int database_load(struct database *db, void (*each)(void *data, const struct vm *vm), void *data);

/* Adds a VM and sets its qid. */
[[nodiscard]] int database_add(struct database *db, struct vm *vm);
/* Writes name, label and template again. */
[[nodiscard]] int database_update(struct database *db, const struct vm *vm);
/* Removes it with its properties and features. */
[[nodiscard]] int database_remove(struct database *db, const char *uuid);

/* Text values of a VM, or of the whole system with an empty uuid. */
enum value_kind { VALUE_PROPERTY, VALUE_FEATURE };

enum { VALUE_MAX = 4096 };

/* -ENOENT if it is not set. */
[[nodiscard]] int database_get(struct database *db, enum value_kind kind, const char *uuid, const char *name,
                               char out[VALUE_MAX]);
[[nodiscard]] int database_set(struct database *db, enum value_kind kind, const char *uuid, const char *name,
                               const char *value);
/* -ENOENT if it was not set. */
[[nodiscard]] int database_unset(struct database *db, enum value_kind kind, const char *uuid, const char *name);
/* All properties and features of one VM for another one as well. */
[[nodiscard]] int database_copy_values(struct database *db, const char *from_uuid, const char *to_uuid);

/* Names in alphabetical order. */
[[nodiscard]] int database_names(struct database *db, enum value_kind kind, const char *uuid,
                                 void (*each)(void *data, const char *name), void *data);
