/* client.h - calls to atolld for the qvm-* commands */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* What atolld answered. */
struct answer {
    bool ok;
    char exception[64]; /* if not ok: the name of the exception */
    char *text;         /* data, or the sentence of the error; NUL-terminated; freed by answer_free() */
    size_t size;
};

/*
 * One call: METHOD+ARGUMENT for DESTINATION, with `payload` (a text). If atolld cannot be reached the answer is an
 * error that says so.
 */
struct answer client_call(const char *destination, const char *method, const char *argument, const char *payload);
void answer_free(struct answer *a);

/* The same, when only success matters: prints the error with the command's name. Returns false after an error. */
[[nodiscard]] bool client_do(const char *destination, const char *method, const char *argument, const char *payload);

/* Prints "COMMAND: sentence" to standard error; later lines are indented below the sentence. */
void client_complain(const char *sentence);
[[gnu::format(printf, 1, 2)]] void client_complainf(const char *format, ...);

/* Listens to the events of `destination` ("dom0": of all VMs). Returns a descriptor, -1 after an error was printed. */
[[nodiscard]] int client_subscribe(const char *destination);

/*
 * Waits for the next event, at most `ms` milliseconds (-1: for ever). Returns 1 and fills subject and name; 0 when time
 * is up; -1 if the connection ended.
 */
struct event {
    char subject[64], name[128];
};
[[nodiscard]] int client_next_event(int fd, int ms, struct event *out);

/* The name of the running command, for messages. */
extern const char *client_program;
