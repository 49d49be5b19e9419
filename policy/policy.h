/* policy.h - which VM may call which service where: Qubes' policy syntax 5.0
 *
 * The first rule that matches decides; no match denies. Rules stand in *.policy files, in the order of their names.
 * Anything wrong in any of them makes the whole policy invalid, and then everything is denied: a missing rule could be
 * a denying one.
 */
#pragma once
#include <stddef.h>

enum policy_action { POLICY_DENY, POLICY_ALLOW, POLICY_ASK };

struct policy_rule {
    char *service;  /* null: any */
    char *argument; /* with its '+'; null: any */
    char *source, *target;
    enum policy_action action;
    char *redirect;       /* target=, or null */
    char *default_target; /* of ask, or null */
    char *user;           /* or null */
    bool autostart, notify;
    char *file; /* where it stands, for people */
    unsigned int line;
};

struct policy {
    struct policy_rule *rules;
    size_t count;
};

enum { POLICY_ERROR_SIZE = 512 };

/*
 * Reads all *.policy files of the folders, a list separated by colons; missing folders are empty. Returns 0, or -1 with
 * a sentence in `error`. Free with policy_free() in any case.
 */
[[nodiscard]] int policy_load(struct policy *policy, const char *folders, char error[static POLICY_ERROR_SIZE]);

/* Adds one file's text; `service` and `argument` are given for files whose rules leave out these two columns. */
[[nodiscard]] int policy_parse(struct policy *policy, const char *file, const char *text, const char *service,
                               const char *argument, unsigned int depth, char error[static POLICY_ERROR_SIZE]);

/* Adds a file, or the *.policy files of a folder, named in another one. */
[[nodiscard]] int policy_include(struct policy *policy, const char *path, bool folder, const char *service,
                                 const char *argument, unsigned int depth, char error[static POLICY_ERROR_SIZE]);
void policy_free(struct policy *policy);

/* What there is; names are unique. dom0 is not among them. */
struct policy_vm {
    char *name, *type;
    char **tags; /* ends with null; or null */
};

struct policy_system {
    struct policy_vm *vms;
    size_t count;
};

/* Asks the toolstack. Returns 0 or -1 with a sentence in `error`. */
[[nodiscard]] int policy_system_load(struct policy_system *system, char error[static POLICY_ERROR_SIZE]);

/* From the output of qvm-ls --raw-data with the fields NAME and CLASS. */
[[nodiscard]] int policy_system_parse(struct policy_system *system, const char *text);
void policy_system_free(struct policy_system *system);

struct policy_request {
    const char *source;  /* a VM's name, as dom0 knows it */
    const char *service; /* SERVICE or SERVICE+ARGUMENT, checked */
    const char *target;  /* what the caller asks for; empty: nothing */
};

struct policy_verdict {
    bool allowed;
    const char *target; /* a VM's name or dom0; belongs to policy or request */
    const char *user;   /* or null */
    bool autostart;
    const struct policy_rule *rule; /* that decided; null if none matched */
    const char *reason;             /* of a denial */
};

[[nodiscard]] struct policy_verdict policy_evaluate(const struct policy *policy, const struct policy_system *system,
                                                    const struct policy_request *request);
