/* focus.c - see focus.h */
#include "focus.h"

bool focus_goes_to_new_window(uint32_t owner, uint32_t focused, uint32_t since_input, uint32_t since_launch)
{
    if (owner == FOCUS_OWNER_DOM0 && (since_launch < FOCUS_LAUNCH_MS || focused == FOCUS_OWNER_NONE))
        return true;
    return owner == focused && since_input < FOCUS_RECENT_MS;
}

bool focus_may_inherit(uint32_t candidate, uint32_t closed)
{
    return candidate == closed;
}
