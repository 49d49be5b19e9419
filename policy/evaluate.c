/* evaluate.c - finds the rule that decides a call */
#include "policy/policy.h"

#include <string.h>

static const struct policy_vm *find_vm(const struct policy_system *system, const char *name)
{
    for (size_t i = 0; i < system->count; i++)
        if (strcmp(system->vms[i].name, name) == 0)
            return &system->vms[i];
    return nullptr;
}

static bool has_tag(const struct policy_vm *vm, const char *tag)
{
    for (char **at = vm ? vm->tags : nullptr; at && *at; at++)
        if (strcmp(*at, tag) == 0)
            return true;
    return false;
}

/* `value` is a VM's name, or a word that a caller may use: @adminvm, @default, @dispvm, @dispvm:NAME. */
static bool token_matches(const struct policy_system *system, const char *token, const char *value)
{
    const struct policy_vm *vm = find_vm(system, value);

    if (strcmp(token, "*") == 0)
        return true;
    if (strcmp(token, "@anyvm") == 0) /* dom0 is never meant by a general word */
        return strcmp(value, "@adminvm") != 0;
    if (strncmp(token, "@type:", 6) == 0)
        return vm && strcmp(vm->type, token + 6) == 0;
    if (strncmp(token, "@tag:", 5) == 0)
        return has_tag(vm, token + 5);
    if (strncmp(token, "@dispvm:@tag:", 13) == 0)
        return strncmp(value, "@dispvm:", 8) == 0 && has_tag(find_vm(system, value + 8), token + 13);
    return strcmp(token, value) == 0;
}

/* The service's name ends at '+'; a call without an argument matches "+". */
static bool service_matches(const struct policy_rule *rule, const char *service)
{
    size_t length = strcspn(service, "+");
    const char *argument = service[length] ? service + length : "+";

    if (rule->service && (strlen(rule->service) != length || strncmp(rule->service, service, length) != 0))
        return false;
    return !rule->argument || strcmp(rule->argument, argument) == 0;
}

static struct policy_verdict deny(const struct policy_rule *rule, const char *reason)
{
    return (struct policy_verdict){.rule = rule, .reason = reason};
}

static struct policy_verdict resolve(const struct policy_rule *rule, const struct policy_system *system,
                                     const struct policy_request *request, const char *asked)
{
    const char *target = rule->redirect ? rule->redirect : asked;

    if (rule->action == POLICY_DENY)
        return deny(rule, "a rule says so");
    if (rule->action == POLICY_ASK)
        return deny(rule, "a rule says ask, and asking is not possible yet");
    if (strcmp(target, "@default") == 0)
        return deny(rule, "neither the caller nor the rule names a target");
    if (strncmp(target, "@dispvm", 7) == 0)
        return deny(rule, "disposables are not possible yet");
    if (strcmp(target, "@adminvm") == 0)
        target = "dom0";
    else if (!find_vm(system, target))
        return deny(rule, "there is no such target");
    else if (strcmp(target, request->source) == 0)
        return deny(rule, "a VM cannot call itself");
    return (struct policy_verdict){
        .allowed = true, .target = target, .user = rule->user, .autostart = rule->autostart, .rule = rule};
}

struct policy_verdict policy_evaluate(const struct policy *policy, const struct policy_system *system,
                                      const struct policy_request *request)
{
    const char *asked = request->target;

    if (strcmp(asked, "dom0") == 0)
        asked = "@adminvm";
    if (!*asked)
        asked = "@default";
    if (!find_vm(system, request->source))
        return deny(nullptr, "the caller is unknown");
    if (asked[0] != '@' && !find_vm(system, asked))
        return deny(nullptr, "there is no such target");
    for (size_t i = 0; i < policy->count; i++) {
        const struct policy_rule *rule = &policy->rules[i];

        if (service_matches(rule, request->service) && token_matches(system, rule->source, request->source) &&
            token_matches(system, rule->target, asked))
            return resolve(rule, system, request, asked);
    }
    return deny(nullptr, "no rule matches");
}
