/*
 * base64.h: bytes as letters, digits, + and / (RFC 4648, section 4).
 */
#ifndef REDELTA_CLI_BASE64_H
#define REDELTA_CLI_BASE64_H

#include <stddef.h>
#include <stdint.h>

/*
 * Writes 4 characters for each 3 of the `size` bytes, the last 4 padded with '='; returns how many. No zero byte
 * follows them.
 */
size_t base64_encode(char *text, const uint8_t *bytes, size_t size);

#endif
