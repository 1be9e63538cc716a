/*
 * base64.c: see base64.h.
 */
#include "cli/base/base64.h"

size_t base64_encode(char *text, const uint8_t *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    enum { PADDING = 64 };
    char *next = text;
    for (size_t i = 0; i < size; i += 3) {
        const uint32_t second = i + 1 < size ? bytes[i + 1] : 0;
        const uint32_t third = i + 2 < size ? bytes[i + 2] : 0;
        const uint32_t group = (uint32_t)bytes[i] << 16 | second << 8 | third;
        *next++ = digits[group >> 18];
        *next++ = digits[group >> 12 & 63];
        *next++ = digits[i + 1 < size ? group >> 6 & 63 : PADDING];
        *next++ = digits[i + 2 < size ? group & 63 : PADDING];
    }
    return (size_t)(next - text);
}
