/* decoration.h - clients are told not to draw frames: dom0 does */
#pragma once

struct wl_display;

[[nodiscard]] bool decoration_create(struct wl_display *display);
