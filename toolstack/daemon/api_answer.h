/* api_answer.h - the answers of the Admin API, in bytes */
#pragma once
#include "toolstack/daemon/api.h"

/* Names of Qubes' exceptions, which its clients know. */
#define API_NO_VM       "QubesVMNotFoundError"
#define API_NO_PROPERTY "QubesNoSuchPropertyError"
#define API_NO_FEATURE  "QubesFeatureNotFoundError"
#define API_BAD_VALUE   "QubesValueError"
#define API_READ_ONLY   "QubesPropertyAccessError"
#define API_NOT_HALTED  "QubesVMNotHaltedError"
#define API_NOT_RUNNING "QubesVMNotStartedError"
#define API_IN_USE      "QubesVMInUseError"
#define API_NO_MEMORY   "QubesMemoryError"
#define API_FAILED      "QubesVMError"
#define API_NO_METHOD   "QubesException"
#define API_NO_LABEL    "QubesLabelNotFoundError"

void answer_ok(struct api_reply *reply, const char *text);
/* Sends and frees the buffer. */
void answer_buffer(struct api_reply *reply, struct text_buffer *text);
/* `text` is sent as it is: percent signs in it mean nothing to the clients' formatting. */
void answer_error(struct api_reply *reply, const char *exception, const char *text);
[[gnu::format(printf, 3, 4)]] void answer_errorf(struct api_reply *reply, const char *exception, const char *format,
                                                 ...);
