#include "control.h"
#include "connection.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(struct store *store, const char *words[], unsigned count, FILE *out);
    const char *help;
};

static const struct {
    const char *name;
    size_t offset;
} quotas[] = {
    {"nodes", offsetof(struct quota, nodes)},
    {"memory", offsetof(struct quota, bytes)},
    {"watches", offsetof(struct quota, watches)},
    {"outstanding", offsetof(struct quota, outstanding)},
    {"transactions", offsetof(struct quota, transactions)},
    {"transaction-nodes", offsetof(struct quota, transaction_nodes)},
    {"node-permissions", offsetof(struct quota, permissions)},
    {"path-length", offsetof(struct quota, path_bytes)},
    {"node-size", offsetof(struct quota, node_bytes)},
};

static int run_quota(struct store *store, const char *words[], unsigned count, FILE *out)
{
    for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++) {
        long *value = (long *)((char *)&store->quota + quotas[i].offset);
        char *end;

        if (count == 1)
            fprintf(out, "%s: %ld\n", quotas[i].name, *value);
        if (count != 3 || strcmp(words[1], quotas[i].name) != 0)
            continue;
        long wanted = strtol(words[2], &end, 10);
        if (*end || end == words[2] || wanted < 1 || wanted > INT32_MAX)
            return EINVAL;
        *value = wanted;
        fputs("OK", out);
        return 0;
    }
    return count == 1 ? 0 : EINVAL;
}

static int run_stats(struct store *store, const char *words[], unsigned count, FILE *out)
{
    for (size_t i = 0; i < store->ledger.count; i++) {
        const struct ledger_entry *entry = &store->ledger.entries[i];

        fprintf(out, "domain %u: %ld nodes, %ld bytes\n", entry->domid, entry->nodes, entry->bytes);
    }
    for (const struct connection *c = store->connections; c; c = c->next)
        fprintf(out, "connection of domain %u: %ld watches, %ld transactions, %ld bytes unread, %ld events lost%s\n",
                c->who.domid, c->watch_count, c->transaction_count, c->output_bytes, c->lost_events,
                c->broken ? ", broken" : "");
    return 0;
}

static void count_node(const struct node *node, void *context)
{
    ledger_add(context, node->permissions.entries[0].domid, 1, (long)node_cost(node));
}

/* Counts the tree again: the ledger must say the same. */
static int run_check(struct store *store, const char *words[], unsigned count, FILE *out)
{
    struct ledger counted = {0};
    bool right = true;

    node_walk(store->root, count_node, &counted);
    for (size_t i = 0; i < store->ledger.count; i++) {
        const struct ledger_entry *held = &store->ledger.entries[i];
        struct ledger_entry found = ledger_of(&counted, held->domid);

        if (held->nodes == found.nodes && held->bytes == found.bytes)
            continue;
        right = false;
        fprintf(out, "domain %u: %ld nodes and %ld bytes in the ledger, %ld and %ld in the tree\n", held->domid,
                held->nodes, held->bytes, found.nodes, found.bytes);
    }
    ledger_free(&counted);
    fputs(right ? "OK" : "", out);
    return 0;
}

static int run_help(struct store *store, const char *words[], unsigned count, FILE *out);

static const struct command commands[] = {
    {"check", run_check, "count the tree again and compare"},
    {"help", run_help, "this list"},
    {"quota", run_quota, "show quotas, or set one: quota NAME VALUE"},
    {"stats", run_stats, "what each domain and connection holds"},
};

static int run_help(struct store *store, const char *words[], unsigned count, FILE *out)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(out, "%s: %s\n", commands[i].name, commands[i].help);
    return 0;
}

static int run(const struct command *command, struct store *store, const char *words[], unsigned count, char *out,
               size_t *out_bytes)
{
    FILE *stream;
    int error;

    memset(out, 0, *out_bytes);
    stream = fmemopen(out, *out_bytes - 1, "w"); /* what does not fit is cut */
    if (!stream)
        return ENOMEM;
    error = command->run(store, words, count, stream);
    fclose(stream);
    *out_bytes = strlen(out) + 1;
    return error;
}

int control_run(struct store *store, const char *words, size_t bytes, char *out, size_t *out_bytes)
{
    const char *word[4];
    unsigned count = 0;

    for (size_t at = 0; at < bytes; at += strlen(words + at) + 1) {
        if (count == 4)
            return EINVAL;
        word[count++] = words + at;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(word[0], commands[i].name) == 0)
            return run(&commands[i], store, word, count, out, out_bytes);
    return EINVAL;
}
