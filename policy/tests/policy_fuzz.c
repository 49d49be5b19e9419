/* policy_fuzz.c - any text as a policy: an error or rules, never a crash, and evaluation holds on whatever was accepted
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy_vm vms[] = {{.name = "a", .type = "AppVM"}, {.name = "b", .type = "AppVM"}};
    struct policy_system system = {vms, 2};
    struct policy policy = {};
    char error[POLICY_ERROR_SIZE];
    char *text = calloc(1, size + 1);

    memcpy(text, data, size);
    if (!strchr(text, '!') && policy_parse(&policy, "f.policy", text, nullptr, nullptr, 0, error) == 0)
        (void)policy_evaluate(&policy, &system,
                              &(struct policy_request){.source = "a", .service = "s+x", .target = "b"});
    policy_free(&policy);
    free(text);
    return 0;
}
