/* parse.c - the text of a policy file */
#include "policy/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Where we are, for messages. */
struct place {
    const char *file;
    unsigned int line;
    char *error;
};

__attribute__((format(printf, 2, 3))) static int wrong(const struct place *at, const char *format, ...)
{
    va_list arguments;
    int n = snprintf(at->error, POLICY_ERROR_SIZE, "%.200s:%u: ", at->file, at->line);

    va_start(arguments, format);
    vsnprintf(at->error + n, (size_t)(POLICY_ERROR_SIZE - n), format, arguments);
    va_end(arguments);
    return -1;
}

static bool only(const char *text, const char *characters)
{
    return *text && text[strspn(text, characters)] == 0;
}

static bool is_name(const char *text)
{
    return only(text, LETTERS_DIGITS "_-.") && strlen(text) < 64 && text[0] != '-' && text[0] != '.';
}

static bool starts(const char *text, const char *prefix, const char **rest)
{
    size_t length = strlen(prefix);

    *rest = text + length;
    return strncmp(text, prefix, length) == 0;
}

/* The columns differ in the words they take: bits for each. */
enum { SOURCE = 1, TARGET = 2, REDIRECT = 4 };

static bool token_valid(const char *token, unsigned int column)
{
    static const struct {
        const char *text;
        bool is_prefix; /* a name follows */
        unsigned int columns;
    } words[] = {
        {"*", false, SOURCE | TARGET},
        {"@anyvm", false, SOURCE | TARGET},
        {"@adminvm", false, SOURCE | TARGET | REDIRECT},
        {"@default", false, TARGET},
        {"@dispvm", false, TARGET | REDIRECT},
        {"@type:", true, SOURCE | TARGET},
        {"@tag:", true, SOURCE | TARGET},
        {"@dispvm:@tag:", true, SOURCE | TARGET},
        {"@dispvm:", true, SOURCE | TARGET | REDIRECT},
    };
    const char *rest;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if ((words[i].columns & column) && starts(token, words[i].text, &rest) &&
            (words[i].is_prefix ? is_name(rest) : *rest == 0))
            return true;
    return is_name(token);
}

static int take_token(const struct place *at, const char *word, unsigned int column, char **out)
{
    /* The older name of the same thing. */
    if (strcmp(word, "dom0") == 0)
        word = "@adminvm";
    if (strncmp(word, "uuid:", 5) == 0)
        return wrong(at, "names by UUID are not supported: '%.100s'", word);
    if (!token_valid(word, column))
        return wrong(at, "'%.100s' cannot stand here", word);
    *out = strdup(word);
    return *out ? 0 : wrong(at, "out of memory");
}

static int take_service(const struct place *at, struct policy_rule *rule, const char *service, const char *argument)
{
    bool any_service = strcmp(service, "*") == 0, any_argument = strcmp(argument, "*") == 0;

    if (!any_service && !only(service, LETTERS_DIGITS "._-"))
        return wrong(at, "'%.100s' is not the name of a service", service);
    if (!any_argument && (argument[0] != '+' || (argument[1] && !only(argument + 1, LETTERS_DIGITS "._-+"))))
        return wrong(at, "'%.100s' is not an argument: it starts with '+', or is '*' for any", argument);
    if (any_service && !any_argument)
        return wrong(at, "any service ('*') has any argument ('*')");
    rule->service = any_service ? nullptr : strdup(service);
    rule->argument = any_argument ? nullptr : strdup(argument);
    return 0;
}

static int take_action(const struct place *at, struct policy_rule *rule, const char *word)
{
    if (strcmp(word, "allow") == 0)
        rule->action = POLICY_ALLOW;
    else if (strcmp(word, "ask") == 0)
        rule->action = POLICY_ASK;
    else if (strcmp(word, "deny") == 0)
        rule->action = POLICY_DENY;
    else
        return wrong(at, "'%.100s' is not an action: allow, ask or deny", word);
    return 0;
}

static int take_boolean(const struct place *at, const char *option, const char *value, bool *out)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return wrong(at, "%s is yes or no, not '%.100s'", option, value);
    *out = value[0] == 'y';
    return 0;
}

/* `seen` has a bit for each option that came already. */
static int take_option(const struct place *at, struct policy_rule *rule, const char *word, unsigned int *seen)
{
    static const char *const names[] = {"target=", "user=", "autostart=", "notify=", "default_target="};
    static const unsigned int actions[] = {2 | 4, 2 | 4, 2 | 4, 1 | 2 | 4, 4}; /* bits of enum policy_action */
    const char *value = "";
    unsigned int i = 0;

    while (i < 5 && !starts(word, names[i], &value))
        i++;
    if (i == 5 || !(actions[i] & 1u << rule->action))
        return wrong(at, "'%.100s' is not an option of this action", word);
    if (*seen & 1u << i)
        return wrong(at, "%.*s is given twice", (int)strlen(names[i]) - 1, names[i]);
    *seen |= 1u << i;
    switch (i) {
    case 0: return take_token(at, value, REDIRECT, &rule->redirect);
    case 1:
        if (!is_name(value) || strlen(value) > 32)
            return wrong(at, "'%.100s' is not the name of a user", value);
        rule->user = strdup(value);
        return 0;
    case 2: return take_boolean(at, "autostart", value, &rule->autostart);
    case 3: return take_boolean(at, "notify", value, &rule->notify);
    default: return take_token(at, value, REDIRECT, &rule->default_target);
    }
}

static void rule_free(struct policy_rule *rule)
{
    char *all[] = {rule->service,  rule->argument,       rule->source, rule->target,
                   rule->redirect, rule->default_target, rule->user,   rule->file};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

enum { WORDS_MAX = 16 };

static int parse_rule(const struct place *at, struct policy_rule *rule, char *words[], unsigned int count,
                      const char *service, const char *argument)
{
    unsigned int first = service ? 0 : 2, seen = 0;

    if (count < first + 3)
        return wrong(at, "a rule has %u columns: %ssource, target, action", first + 3,
                     service ? "" : "service, argument, ");
    if (take_service(at, rule, service ? service : words[0], service ? argument : words[1]) < 0 ||
        take_token(at, words[first], SOURCE, &rule->source) < 0 ||
        take_token(at, words[first + 1], TARGET, &rule->target) < 0 || take_action(at, rule, words[first + 2]) < 0)
        return -1;
    for (unsigned int i = first + 3; i < count; i++)
        if (take_option(at, rule, words[i], &seen) < 0)
            return -1;
    return 0;
}

static int add_rule(struct policy *policy, const struct place *at, char *words[], unsigned int count,
                    const char *service, const char *argument)
{
    struct policy_rule rule = {.autostart = true, .line = at->line, .file = strdup(at->file)};

    if (parse_rule(at, &rule, words, count, service, argument) < 0) {
        rule_free(&rule);
        return -1;
    }
    struct policy_rule *grown = realloc(policy->rules, (policy->count + 1) * sizeof(rule));
    if (!grown) {
        rule_free(&rule);
        return wrong(at, "out of memory");
    }
    policy->rules = grown;
    policy->rules[policy->count++] = rule;
    return 0;
}

/* !include FILE, !include-dir FOLDER, !include-service SERVICE ARGUMENT FILE; paths are relative to the file's folder.
 */
static int include(struct policy *policy, const struct place *at, char *words[], unsigned int count,
                   const char *service, const char *argument, unsigned int depth)
{
    bool file = strcmp(words[0], "!include") == 0, folder = strcmp(words[0], "!include-dir") == 0;
    bool for_service = strcmp(words[0], "!include-service") == 0;
    const char *path = words[count - 1], *slash = strrchr(at->file, '/');
    char full[512];

    if ((!file && !folder && !for_service) || count != (for_service ? 4 : 2) || (service && for_service))
        return wrong(at, "'%.100s' is not understood here", words[0]);
    if (depth >= 8)
        return wrong(at, "files include each other too deeply");
    int n = path[0] == '/' || !slash ? snprintf(full, sizeof(full), "%s", path)
                                     : snprintf(full, sizeof(full), "%.*s/%s", (int)(slash - at->file), at->file, path);
    if (n >= (int)sizeof(full))
        return wrong(at, "the path is too long");
    return policy_include(policy, full, folder, for_service ? words[1] : service, for_service ? words[2] : argument,
                          depth + 1, at->error);
}

static int parse_line(struct policy *policy, const struct place *at, char *line, const char *service,
                      const char *argument, unsigned int depth)
{
    char *words[WORDS_MAX], *save;
    unsigned int count = 0;

    for (char *word = strtok_r(line, " \t\r", &save); word; word = strtok_r(nullptr, " \t\r", &save)) {
        if (count == WORDS_MAX)
            return wrong(at, "the line has too many words");
        words[count++] = word;
    }
    if (count == 0 || words[0][0] == '#')
        return 0;
    return words[0][0] == '!' ? include(policy, at, words, count, service, argument, depth)
                              : add_rule(policy, at, words, count, service, argument);
}

int policy_parse(struct policy *policy, const char *file, const char *text, const char *service, const char *argument,
                 unsigned int depth, char error[static POLICY_ERROR_SIZE])
{
    struct place at = {.file = file, .error = error};
    char *copy = strdup(text), *rest = copy, *line;
    int r = copy ? 0 : wrong(&at, "out of memory");

    while (r == 0 && (line = strsep(&rest, "\n"))) {
        at.line++;
        r = parse_line(policy, &at, line, service, argument, depth);
    }
    free(copy);
    return r;
}

void policy_free(struct policy *policy)
{
    for (size_t i = 0; i < policy->count; i++)
        rule_free(&policy->rules[i]);
    free(policy->rules);
    *policy = (struct policy){};
}
