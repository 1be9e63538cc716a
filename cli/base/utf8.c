/*
 * utf8.c: see utf8.h.
 */
#include "cli/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* No character's second byte is 0, so a string ends before it is read beyond its end. */
size_t utf8_length(const char *text) {
    const unsigned char *const bytes = (const unsigned char *)text;
    const unsigned char first = bytes[0];
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (first == 0xe0 && bytes[1] < 0xa0) || (first == 0xf0 && bytes[1] < 0x90);
    const bool no_character = (first == 0xed && bytes[1] >= 0xa0) || (first == 0xf4 && bytes[1] >= 0x90);
    return overlong || no_character ? 0 : length;
}

static uint32_t utf8_character(const char *text, size_t length) {
    const unsigned char *const bytes = (const unsigned char *)text;
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        character = character << 6 | (bytes[i] & 0x3fu);
    return character;
}

bool utf8_misleads(const char *text, size_t length) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1f},     {0x7f, 0x9f}, {0x061c, 0x061c}, /* Arabic letter mark */
        {0x200e, 0x200f},                                 /* marks */
        {0x2028, 0x202e},                                 /* separators; embeddings and overrides */
        {0x2066, 0x2069},                                 /* isolates */
    };
    const uint32_t character = utf8_character(text, length);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

size_t utf8_cut(const char *text, size_t most) {
    size_t end = 0;
    while (text[end] != '\0') {
        const size_t length = utf8_length(text + end);
        const size_t step = length > 0 ? length : 1;
        if (end + step > most)
            break;
        end += step;
    }
    return end;
}
