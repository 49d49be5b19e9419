/* session.h - the graphical session of a user */
#pragma once

/*
 * Waits at most `seconds` until the user's compositor listens ($XDG_RUNTIME_DIR/wayland-0), so that a program started
 * right after boot finds it. Goes on without it after that, and for users that have none (root).
 */
void session_wait(const char *user, unsigned int seconds);
