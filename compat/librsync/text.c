/* Hexadecimal digits and base64 (RFC 4648, without padding). */
#include "librsync.h"

enum { BASE64_BITS = 6 };

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void rs_hexify(char *to_buf, void const *from_buf, int from_len) {
    const uint8_t *const from = from_buf;
    for (int i = 0; i < from_len; i++) {
        *to_buf++ = hex_digits[from[i] >> 4];
        *to_buf++ = hex_digits[from[i] & 15];
    }
    *to_buf = '\0';
}

/* The value of a digit, or -1. */
static int base64_value(char digit) {
    for (int i = 0; base64_digits[i] != '\0'; i++)
        if (base64_digits[i] == digit)
            return i;
    return -1;
}

size_t rs_unbase64(char *s) {
    uint32_t bits = 0; /* not written yet, the last `count` of them */
    unsigned count = 0;
    size_t written = 0; /* never ahead of what is read, so that decoding in place is safe */
    for (const char *p = s; base64_value(*p) >= 0; p++) {
        bits = bits << BASE64_BITS | (uint32_t)base64_value(*p);
        count += BASE64_BITS;
        if (count >= 8) {
            count -= 8;
            s[written++] = (char)(bits >> count & 0xff);
        }
    }
    if (count > 0)
        s[written++] = (char)(bits << (8 - count) & 0xff);
    return written;
}

void rs_base64(unsigned char const *buf, int n, char *out) {
    uint32_t bits = 0;
    unsigned count = 0;
    for (int i = 0; i < n; i++) {
        bits = bits << 8 | buf[i];
        for (count += 8; count >= BASE64_BITS;) {
            count -= BASE64_BITS;
            *out++ = base64_digits[bits >> count & 63];
        }
    }
    if (count > 0)
        *out++ = base64_digits[bits << (BASE64_BITS - count) & 63];
    *out = '\0';
}
