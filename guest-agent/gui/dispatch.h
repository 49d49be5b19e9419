/* dispatch.h - acts on what dom0 says */
#pragma once
#include "common/gui_wire.h"

struct agent;

void dispatch(struct agent *agent, const union gui_message *message);
