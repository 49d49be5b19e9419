/* api_feature.c - features: free keys and values of VMs, over the Admin API */
#include <errno.h>
#include <string.h>

#include "toolstack/daemon/api_answer.h"
#include "toolstack/daemon/api_methods.h"

enum { NAME_MAX_LENGTH = 128 };

static bool is_feature_name(const char *untrusted)
{
    size_t length = strspn(untrusted, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

    return length > 0 && length <= NAME_MAX_LENGTH && !untrusted[length];
}

static bool check_name(const struct api_call *call, struct api_reply *reply)
{
    if (is_feature_name(call->argument))
        return true;
    answer_errorf(reply, API_BAD_VALUE, "'%.64s' is not a name for a feature: letters, digits, '-', '.' and '_' only.",
                  call->argument);
    return false;
}

static void add_line(void *data, const char *name)
{
    text_print(data, "%s\n", name);
}

static void answer_database(struct api_reply *reply, int rc, const struct vm *vm, const char *name)
{
    if (rc == -ENOENT)
        answer_errorf(reply, API_NO_FEATURE, "'%s' has no feature '%.64s'.", vm->name, name);
    else
        answer_error(reply, API_FAILED, "the database failed; see the journal of atolld.");
}

void api_feature_list(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct text_buffer text = {};
    int rc = database_names(api->registry->db, VALUE_FEATURE, vm->uuid, add_line, &text);

    if (rc == 0) {
        answer_buffer(reply, &text);
        return;
    }
    text_free(&text);
    answer_database(reply, rc, vm, "");
}

void api_feature_get(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    char value[VALUE_MAX];

    if (!check_name(call, reply))
        return;
    int rc = database_get(api->registry->db, VALUE_FEATURE, vm->uuid, call->argument, value);
    if (rc == 0)
        answer_ok(reply, value);
    else
        answer_database(reply, rc, vm, call->argument);
}

void api_feature_set(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    char value[VALUE_MAX];

    if (!check_name(call, reply))
        return;
    if (call->payload_size >= sizeof(value) || memchr(call->payload, 0, call->payload_size)) {
        answer_error(reply, API_BAD_VALUE, "the value of a feature is a text of at most 4095 bytes.");
        return;
    }
    memcpy(value, call->payload, call->payload_size);
    value[call->payload_size] = 0;
    int rc = database_set(api->registry->db, VALUE_FEATURE, vm->uuid, call->argument, value);
    if (rc == 0)
        answer_ok(reply, "");
    else
        answer_database(reply, rc, vm, call->argument);
}

void api_feature_remove(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    if (!check_name(call, reply))
        return;
    int rc = database_unset(api->registry->db, VALUE_FEATURE, vm->uuid, call->argument);
    if (rc == 0)
        answer_ok(reply, "");
    else
        answer_database(reply, rc, vm, call->argument);
}
