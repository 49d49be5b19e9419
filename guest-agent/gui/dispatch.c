/* dispatch.c - see dispatch.h */
#include "dispatch.h"

#include "agent.h"
#include "common/log.h"
#include "content.h"
#include "seat.h"
#include "window.h"

/* Messages about a window; it may have gone while they were on their way. */
static void to_window(struct agent *agent, const union gui_message *m)
{
    struct window *window = window_find(agent, m->header.object);

    if (!window)
        return;
    switch (m->header.type) {
    case GUI_CONFIGURE: window_configure(window, &m->as_GUI_CONFIGURE); break;
    case GUI_POPUP_BOX: window_popup_area(window, &m->as_GUI_POPUP_BOX.box); break;
    case GUI_POPUP_DONE:
    case GUI_CLOSE: window_close(window); break;
    case GUI_FRAME_DONE: window_frame_done(window); break;
    case GUI_FOCUS: seat_focus(agent->seat, window); break;
    case GUI_POINTER_ENTER: seat_pointer(agent->seat, window, &m->as_GUI_POINTER_ENTER, true); break;
    case GUI_POINTER_MOTION: seat_pointer(agent->seat, window, &m->as_GUI_POINTER_MOTION, false); break;
    default: break;
    }
}

void dispatch(struct agent *agent, const union gui_message *m)
{
    const struct gui_output *output = m->as_GUI_OUTPUTS.outputs;

    switch (m->header.type) {
    case GUI_OUTPUTS:
        if (m->as_GUI_OUTPUTS.count && output->width - 1 < GUI_SIZE_MAX && output->height - 1 < GUI_SIZE_MAX)
            agent_set_output(agent, (int)output->width, (int)output->height);
        break;
    case GUI_KEYMAP: seat_keymap(agent->seat, &m->as_GUI_KEYMAP); break;
    case GUI_BUFFER_RELEASED:
        slot_released(agent, m->header.object);
        windows_retry(agent);
        break;
    case GUI_BUFFER_GONE: slot_gone(agent, m->header.object); break;
    case GUI_FOCUS:
        if (!m->header.object)
            seat_focus(agent->seat, nullptr);
        else
            to_window(agent, m);
        break;
    case GUI_KEY: seat_key(agent->seat, &m->as_GUI_KEY); break;
    case GUI_MODIFIERS: seat_modifiers(agent->seat, &m->as_GUI_MODIFIERS); break;
    case GUI_POINTER_LEAVE: seat_pointer_leave(agent->seat); break;
    case GUI_BUTTON: seat_button(agent->seat, &m->as_GUI_BUTTON); break;
    case GUI_AXIS: seat_axis(agent->seat, &m->as_GUI_AXIS); break;
    case GUI_ERROR:
        log_warning("dom0 closes the connection: %s",
                    m->as_GUI_ERROR.code == GUI_ERROR_QUOTA ? "too much" : "a rule was broken");
        break;
    default: to_window(agent, m); break;
    }
}
