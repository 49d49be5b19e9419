/* api_property.c - properties of VMs over the Admin API */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "toolstack/daemon/api_answer.h"
#include "toolstack/daemon/api_methods.h"
#include "toolstack/daemon/property.h"

/* The property that the call names; nullptr after an error was answered. */
static const struct property *named(const struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    const struct property *p = property_find(call->argument);

    if (p && property_applies(p, vm))
        return p;
    answer_errorf(reply, API_NO_PROPERTY, "'%s' has no property '%.64s'; see: qvm-prefs %s", vm->name, call->argument,
                  vm->name);
    return nullptr;
}

void api_property_list(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct text_buffer text = {};
    const struct property *p;

    for (size_t i = 0; (p = property_at(i)); i++)
        if (property_applies(p, vm))
            text_print(&text, "%s\n", property_name(p));
    answer_buffer(reply, &text);
}

/* "default=True type=int 400"; with `escape`, newlines and backslashes of the value are escaped. */
static int print_value(struct api *api, struct vm *vm, const struct property *p, struct text_buffer *text, bool escape)
{
    char value[VALUE_MAX];
    bool is_default;
    int rc = property_get(api->registry, vm, p, value, &is_default);

    if (rc)
        return rc;
    text_print(text, "default=%s type=%s ", is_default ? "True" : "False", property_type_name(p));
    for (const char *c = value; *c; c++) {
        if (escape && (*c == '\n' || *c == '\\'))
            text_print(text, "\\%c", *c == '\n' ? 'n' : '\\');
        else
            text_add(text, c, 1);
    }
    return 0;
}

void api_property_get(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct text_buffer text = {};
    const struct property *p = named(vm, call, reply);

    if (!p)
        return;
    if (print_value(api, vm, p, &text, false)) {
        text_free(&text);
        answer_error(reply, API_FAILED, "the database cannot be read; see the journal of atolld.");
        return;
    }
    answer_buffer(reply, &text);
}

void api_property_get_all(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct text_buffer text = {};
    const struct property *p;

    for (size_t i = 0; (p = property_at(i)); i++) {
        if (!property_applies(p, vm))
            continue;
        text_print(&text, "%s ", property_name(p));
        if (print_value(api, vm, p, &text, true)) {
            text_free(&text);
            answer_error(reply, API_FAILED, "the database cannot be read; see the journal of atolld.");
            return;
        }
        text_print(&text, "\n");
    }
    answer_buffer(reply, &text);
}

static void answer_change(struct api *api, struct vm *vm, const struct property *p, struct api_reply *reply, int rc,
                          const char *why, bool set)
{
    char name[128];
    char value[VALUE_MAX] = "";
    bool is_default;
    struct api_event event = {.subject = vm->name, .name = name, .keys = {"name", property_name(p)}};

    if (rc) {
        answer_error(reply,
                     rc == -EROFS   ? API_READ_ONLY
                     : rc == -EBUSY ? API_NOT_HALTED
                                    : API_BAD_VALUE,
                     *why ? why : "the database cannot be written; see the journal of atolld.");
        return;
    }
    snprintf(name, sizeof(name), "property-%s:%s", set ? "set" : "reset", property_name(p));
    if (set && property_get(api->registry, vm, p, value, &is_default) == 0) {
        event.keys[2] = "newvalue";
        event.keys[3] = value;
    }
    if (!strcmp(property_name(p), "label"))
        api->lifecycle->notify(api->lifecycle->notify_data, vm, VM_EVENT_CHANGED, "");
    api->emit(api, &event);
    answer_ok(reply, "");
}

void api_property_set(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    char value[VALUE_MAX], why[PROPERTY_WHY_MAX] = "";
    const struct property *p = named(vm, call, reply);

    if (!p)
        return;
    if (call->payload_size >= sizeof(value) || memchr(call->payload, 0, call->payload_size)) {
        answer_errorf(reply, API_BAD_VALUE, "the value of '%s' is too long or no text.", property_name(p));
        return;
    }
    memcpy(value, call->payload, call->payload_size);
    value[call->payload_size] = 0;
    int rc = property_set(api->registry, vm, p, value, why);
    answer_change(api, vm, p, reply, rc, why, true);
}

void api_property_reset(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    char why[PROPERTY_WHY_MAX] = "";
    const struct property *p = named(vm, call, reply);

    if (p)
        answer_change(api, vm, p, reply, property_reset(api->registry, vm, p, why), why, false);
}
