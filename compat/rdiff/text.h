/*
 * text.h: the texts that rdiff prints on standard output.
 */
#ifndef REDELTA_RDIFF_TEXT_H
#define REDELTA_RDIFF_TEXT_H

const char *text_help(void);
const char *text_version(void);

/* Prints a text on standard output. Returns the exit status; a text that could not be written is a failure. */
int text_print(const char *text);

#endif
