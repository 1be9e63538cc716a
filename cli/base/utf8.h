/*
 * utf8.h: the characters of a string that may hold any bytes.
 */
#ifndef REDELTA_CLI_UTF8_H
#define REDELTA_CLI_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the UTF-8 character at `text`, which ends with a byte of 0; or 0 if there is none. */
size_t utf8_length(const char *text);

/*
 * Whether the character at `text`, of this length, can fool a reader of a terminal: a control character (C0, C1,
 * delete), an end of a line or paragraph, or one of those that set the direction of others (Unicode's Bidi_Control).
 */
bool utf8_misleads(const char *text, size_t length);

/* The length of the longest start of `text` that is at most `most` bytes and does not cut a character. */
size_t utf8_cut(const char *text, size_t most);

#endif
