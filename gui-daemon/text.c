/* text.c - see text.h */
#include "text.h"

#include <fcft/fcft.h>
#include <pixman.h>
#include <string.h>
#include "common/log.h"
#include "pixels.h"

struct fcft_font *text_font_open(void)
{
    const char *names[] = {"DejaVu Sans:pixelsize=14", "sans:pixelsize=14"};

    if (!fcft_init(FCFT_LOG_COLORIZE_NEVER, false, FCFT_LOG_CLASS_ERROR)) {
        log_error("the font library does not start");
        return nullptr;
    }
    struct fcft_font *font = fcft_from_name(2, names, nullptr);
    if (!font)
        log_error("no font found; install package fonts-dejavu-core");
    return font;
}

void text_font_close(struct fcft_font *font)
{
    fcft_destroy(font);
    fcft_fini();
}

static const struct fcft_glyph *glyph(struct fcft_font *font, char c)
{
    return fcft_rasterize_char_utf32(font, (uint8_t)c, FCFT_SUBPIXEL_NONE);
}

static int width_of(struct fcft_font *font, const char *ascii, size_t length)
{
    int width = 0;

    for (size_t i = 0; i < length; i++) {
        const struct fcft_glyph *g = glyph(font, ascii[i]);

        width += g ? g->advance.x : 0;
    }
    return width;
}

int text_width(struct fcft_font *font, const char *ascii)
{
    return width_of(font, ascii, strlen(ascii));
}

/* How many characters of a text that is too long fit before the dots. */
static size_t cut(struct fcft_font *font, const char *ascii, size_t length, int room)
{
    room -= text_width(font, "...");
    while (length && width_of(font, ascii, length) > room)
        length--;
    return length;
}

static int draw_run(struct fcft_font *font, pixman_image_t *target, pixman_image_t *ink, const char *ascii,
                    size_t length, int x, int baseline)
{
    for (size_t i = 0; i < length; i++) {
        const struct fcft_glyph *g = glyph(font, ascii[i]);

        if (!g)
            continue;
        if (g->pix)
            pixman_image_composite32(PIXMAN_OP_OVER, ink, g->pix, target, 0, 0, 0, 0, x + g->x, baseline - g->y,
                                     g->width, g->height);
        x += g->advance.x;
    }
    return x;
}

static pixman_color_t colour(uint32_t rgb)
{
    return (pixman_color_t){
        .red = (uint16_t)((rgb >> 16 & 0xff) * 0x101),
        .green = (uint16_t)((rgb >> 8 & 0xff) * 0x101),
        .blue = (uint16_t)((rgb & 0xff) * 0x101),
        .alpha = 0xffff,
    };
}

struct pixels *text_draw(struct fcft_font *font, const char *ascii, uint32_t ink, uint32_t ground, int padding,
                         int height, int max_width)
{
    size_t length = strlen(ascii);
    int room = max_width - 2 * padding;
    bool dots = width_of(font, ascii, length) > room;

    if (dots)
        length = cut(font, ascii, length, room);
    int width = width_of(font, ascii, length) + (dots ? text_width(font, "...") : 0) + 2 * padding;
    if (width > max_width || width < 1 || height < 1)
        return nullptr;
    struct pixels *pixels = pixels_create(width, height);
    if (!pixels)
        return nullptr;
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++)
        pixels->data[i] = 0xff000000u | ground;

    pixman_color_t ink_colour = colour(ink);
    pixman_image_t *solid = pixman_image_create_solid_fill(&ink_colour);
    pixman_image_t *target = pixman_image_create_bits(PIXMAN_a8r8g8b8, width, height, pixels->data, width * 4);
    int baseline = (height - font->ascent - font->descent) / 2 + font->ascent;
    int x = draw_run(font, target, solid, ascii, length, padding, baseline);
    if (dots)
        draw_run(font, target, solid, "...", 3, x, baseline);
    pixman_image_unref(target);
    pixman_image_unref(solid);
    return pixels;
}
