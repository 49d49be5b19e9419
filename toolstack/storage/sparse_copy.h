/* sparse_copy.h - copies a file's data and leaves its holes holes */
#pragma once

/* Copies all of `from` to the empty file `to`. Returns 0 or a negative errno. */
[[nodiscard]] int sparse_copy(int from, int to);
