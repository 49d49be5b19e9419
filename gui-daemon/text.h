/* text.h - lines of text as buffers for the scene: glyph by glyph, without shaping, so that a title cannot do more than
 * show characters */
#pragma once
#include <stdint.h>

struct fcft_font;
struct pixels;

/* Loads the font of titles. Returns nullptr (and says why) if there is none. Give back with text_font_close(). */
[[nodiscard]] struct fcft_font *text_font_open(void);
void text_font_close(struct fcft_font *font);

/* How wide the text will be, in pixels. */
[[nodiscard]] int text_width(struct fcft_font *font, const char *ascii);

/*
 * Draws `ascii` on a ground of colour `ground` with colour `ink` (both 0xrrggbb), `padding` pixels left and right,
 * `height` pixels high and at most `max_width` wide; what does not fit ends in "...".
 * Returns nullptr if there is no room for anything.
 */
[[nodiscard]] struct pixels *text_draw(struct fcft_font *font, const char *ascii, uint32_t ink, uint32_t ground,
                                       int padding, int height, int max_width);
