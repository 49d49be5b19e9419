/* policy.c - rules are read exactly, in order, and every doubt is a denial */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "policy/policy.h"

static char *netvm_tags[] = {"net", nullptr};
static struct policy_vm vms[] = {
    {.name = "work", .type = "AppVM"},
    {.name = "personal", .type = "AppVM"},
    {.name = "sys-net", .type = "StandaloneVM", .tags = netvm_tags},
    {.name = "debian", .type = "TemplateVM"},
};
static const struct policy_system system_info = {vms, sizeof(vms) / sizeof(vms[0])};

static struct policy_verdict judge(const char *rules, const char *service, const char *source, const char *target)
{
    static struct policy policy;
    static char error[POLICY_ERROR_SIZE];

    policy_free(&policy);
    if (policy_parse(&policy, "test.policy", rules, nullptr, nullptr, 0, error) < 0)
        fail_msg("%s", error);
    struct policy_verdict v = policy_evaluate(
        &policy, &system_info, &(struct policy_request){.source = source, .service = service, .target = target});
    if (v.allowed) { /* keep it valid for the caller */
        static char name[64];
        snprintf(name, sizeof(name), "%s", v.target);
        v.target = name;
    }
    return v;
}

#define ALLOWED(rules, service, source, target) assert_true(judge(rules, service, source, target).allowed)
#define DENIED(rules, service, source, target)  assert_false(judge(rules, service, source, target).allowed)

static void first_match_decides(void **state)
{
    const char *rules = "# comment\n\ntest.Add * work personal deny\ntest.Add * @anyvm @anyvm allow\n";

    DENIED(rules, "test.Add", "work", "personal");
    ALLOWED(rules, "test.Add", "personal", "work");
    DENIED("test.Add * @anyvm @anyvm allow\n* * * * deny\n", "test.Other", "work", "personal");
    assert_int_equal(judge(rules, "test.Add", "work", "personal").rule->line, 3);
}

static void no_match_denies(void **state)
{
    DENIED("", "test.Add", "work", "personal");
    DENIED("test.Add * work personal allow\n", "test.Ad", "work", "personal");
    DENIED("test.Add * work personal allow\n", "test.Add2", "work", "personal");
}

static void arguments_are_matched_whole(void **state)
{
    const char *rules = "test.Add +a work personal allow\n";

    ALLOWED(rules, "test.Add+a", "work", "personal");
    DENIED(rules, "test.Add+ab", "work", "personal");
    DENIED(rules, "test.Add", "work", "personal");
    ALLOWED("test.Add + work personal allow\n", "test.Add", "work", "personal");
    DENIED("test.Add + work personal allow\n", "test.Add+a", "work", "personal");
    ALLOWED("* * work personal allow\n", "any.Thing+x+y", "work", "personal");
}

static void dom0_is_never_meant_by_general_words(void **state)
{
    DENIED("* * @anyvm @anyvm allow\n", "s", "work", "dom0");
    DENIED("* * @anyvm @type:AdminVM allow\n", "s", "work", "dom0");
    ALLOWED("* * @anyvm @adminvm allow\n", "s", "work", "dom0");
    ALLOWED("* * @anyvm dom0 allow\n", "s", "work", "@adminvm");
    assert_string_equal(judge("* * @anyvm dom0 allow\n", "s", "work", "@adminvm").target, "dom0");
}

static void types_and_tags(void **state)
{
    ALLOWED("s * @type:AppVM @tag:net allow\n", "s", "work", "sys-net");
    DENIED("s * @type:AppVM @tag:net allow\n", "s", "debian", "sys-net");
    DENIED("s * @type:AppVM @tag:net allow\n", "s", "work", "personal");
}

static void target_is_decided_here(void **state)
{
    struct policy_verdict v =
        judge("s * work @default allow target=personal user=root autostart=no\n", "s", "work", "");

    assert_true(v.allowed);
    assert_string_equal(v.target, "personal");
    assert_string_equal(v.user, "root");
    assert_false(v.autostart);
    DENIED("s * work @default allow\n", "s", "work", "");
    DENIED("s * work @default allow target=gone\n", "s", "work", "");
    assert_string_equal(judge("s * work personal allow target=@adminvm\n", "s", "work", "personal").target, "dom0");
}

static void a_vm_never_reaches_itself_or_the_unknown(void **state)
{
    DENIED("* * * * allow\n", "s", "work", "work");
    DENIED("* * * * allow target=work\n", "s", "work", "personal");
    DENIED("* * * * allow\n", "s", "work", "gone");
    DENIED("* * * * allow\n", "s", "gone", "work");
    DENIED("* * * * allow\n", "s", "work", "@dispvm");
}

static void ask_is_a_denial_for_now(void **state)
{
    DENIED("s * @anyvm @anyvm ask default_target=personal\n", "s", "work", "personal");
}

static void anything_wrong_is_an_error(void **state)
{
    static const char *const bad[] = {
        "test.Add * work",
        "test.Add * work personal",
        "test.Add * work personal permit",
        "test.Add * work personal allow # no comments here",
        "test.Add a work personal allow",
        "test/Add * work personal allow",
        "* +a work personal allow",
        "test.Add * @default personal allow",
        "test.Add * @dispvm personal allow",
        "test.Add * work @nonsense allow",
        "test.Add * work @tag: allow",
        "test.Add * work personal allow target=@default",
        "test.Add * work personal allow target=@anyvm",
        "test.Add * work personal allow target=*",
        "test.Add * work personal allow target=",
        "test.Add * work personal allow target=a target=b",
        "test.Add * work personal allow autostart=maybe",
        "test.Add * work personal allow default_target=work",
        "test.Add * work personal deny target=work",
        "test.Add * work personal deny user=root",
        "test.Add * uuid:1 personal allow",
        "!compat-4.0",
        "!include",
        "!include /nonexistent/file",
        "!nonsense x",
        "$anyvm * work personal allow",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct policy policy = {};
        char text[256], error[POLICY_ERROR_SIZE] = "";
        snprintf(text, sizeof(text), "test.Add * work personal allow\n%s\n", bad[i]);
        if (policy_parse(&policy, "x.policy", text, nullptr, nullptr, 0, error) == 0)
            fail_msg("accepted: %s", bad[i]);
        assert_true(strlen(error) > 10);
        policy_free(&policy);
    }
}

/* Files are tried in a folder of their own. */
static char folder[] = "/tmp/policy-test-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void drop(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

static int load(struct policy *policy)
{
    char folders[600], error[POLICY_ERROR_SIZE];

    snprintf(folders, sizeof(folders), "%s/none:%s", folder, folder);
    int r = policy_load(policy, folders, error);
    if (r < 0)
        policy_free(policy);
    return r;
}

static void files_are_read_in_the_order_of_their_names(void **state)
{
    struct policy policy;

    put("90-default.policy", "s * work personal deny\n");
    put("30-user.policy", "s * work personal allow\n!include extra\n!include-service t * more\n");
    put("extra", "u * work personal allow\n");
    put("more", "work personal allow\n");
    put(".hidden.policy", "nonsense\n");
    put("README", "nonsense\n");
    assert_int_equal(load(&policy), 0);
    assert_int_equal(policy.count, 4);
    assert_int_equal(policy.rules[0].action, POLICY_ALLOW);
    assert_string_equal(policy.rules[1].service, "u");
    assert_string_equal(policy.rules[2].service, "t");
    assert_int_equal(policy.rules[3].action, POLICY_DENY);
    policy_free(&policy);
}

static void one_bad_file_spoils_all(void **state)
{
    struct policy policy;

    put("50-Bad.policy", "");
    assert_int_equal(load(&policy), -1);
    drop("50-Bad.policy");
    put("50-bad.policy", "nonsense\n");
    assert_int_equal(load(&policy), -1);
    drop("50-bad.policy");
    put("50-loop.policy", "!include 50-loop.policy\n");
    assert_int_equal(load(&policy), -1);
    drop("50-loop.policy");
    assert_int_equal(load(&policy), 0);
    policy_free(&policy);
}

static void list_of_vms_is_read(void **state)
{
    struct policy_system system;

    assert_int_equal(policy_system_parse(&system, "dom0|AdminVM\nwork|AppVM\nsys-net|StandaloneVM|x\n"), 0);
    assert_int_equal(system.count, 2);
    assert_string_equal(system.vms[0].name, "work");
    assert_string_equal(system.vms[1].type, "StandaloneVM");
    policy_system_free(&system);
    assert_int_equal(policy_system_parse(&system, "no bar here\n"), -1);
    policy_system_free(&system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_match_decides),
        cmocka_unit_test(no_match_denies),
        cmocka_unit_test(arguments_are_matched_whole),
        cmocka_unit_test(dom0_is_never_meant_by_general_words),
        cmocka_unit_test(types_and_tags),
        cmocka_unit_test(target_is_decided_here),
        cmocka_unit_test(a_vm_never_reaches_itself_or_the_unknown),
        cmocka_unit_test(ask_is_a_denial_for_now),
        cmocka_unit_test(anything_wrong_is_an_error),
        cmocka_unit_test(files_are_read_in_the_order_of_their_names),
        cmocka_unit_test(one_bad_file_spoils_all),
        cmocka_unit_test(list_of_vms_is_read),
    };
    static const char *const left[] = {"90-default.policy", "30-user.policy", "extra", "more",
                                       ".hidden.policy",    "README"};

    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, nullptr, nullptr);
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        drop(left[i]);
    return rmdir(folder) < 0 ? 1 : failed;
}
