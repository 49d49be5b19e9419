/* focus.h - who gets the keyboard, as rules: no scene, no devices, so that they can be tested
 *
 * The keyboard changes hands by an act of the user in dom0 only. What a VM does can at most keep the focus inside that
 * VM.
 */
#pragma once
#include <stdint.h>

/* dom0's own windows belong to this "VM". */
#define FOCUS_OWNER_DOM0 0u
#define FOCUS_OWNER_NONE 0xffffffffu

enum {
    FOCUS_RECENT_MS = 1000,  /* how long after input a VM's new window still belongs to it */
    FOCUS_LAUNCH_MS = 10000, /* how long after the user asked for a dom0 terminal its window gets the focus */
};

/*
 * Whether a new window of `owner` gets the keyboard. `focused` owns the focused window (FOCUS_OWNER_NONE: nobody has
 * it), `since_input` is the time since that VM last got a key or button from the user, `since_launch` the time since
 * the user asked dom0 for a terminal; ms.
 */
[[nodiscard]] bool focus_goes_to_new_window(uint32_t owner, uint32_t focused, uint32_t since_input,
                                            uint32_t since_launch);

/* Whether a window of `candidate` may inherit the keyboard from a window of `closed` that went away. */
[[nodiscard]] bool focus_may_inherit(uint32_t candidate, uint32_t closed);
