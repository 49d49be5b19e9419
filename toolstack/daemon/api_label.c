/* api_label.c - labels over the Admin API */
#include <stdio.h>

#include "toolstack/daemon/api_answer.h"
#include "toolstack/daemon/api_methods.h"

void api_label_list(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    struct text_buffer text = {};
    const struct label *label;

    for (size_t i = 0; (label = label_at(i)); i++)
        text_print(&text, "%s\n", label->name);
    answer_buffer(reply, &text);
}

static const struct label *named(const struct api_call *call, struct api_reply *reply)
{
    const struct label *label = label_find(call->argument);

    if (!label)
        answer_errorf(reply, API_NO_LABEL, "there is no label '%.64s'.", call->argument);
    return label;
}

void api_label_get(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    const struct label *label = named(call, reply);
    char text[16];

    if (label) {
        snprintf(text, sizeof(text), "0x%s", label->rgb);
        answer_ok(reply, text);
    }
}

void api_label_index(struct api *api, struct vm *vm, const struct api_call *call, struct api_reply *reply)
{
    const struct label *label = named(call, reply);
    char text[16];

    if (label) {
        snprintf(text, sizeof(text), "%u", label->index);
        answer_ok(reply, text);
    }
}
