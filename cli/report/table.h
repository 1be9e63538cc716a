/*
 * table.h: figures for people: a label on the left, an exact number with its digits in groups of three on the right,
 * and what the number is of.
 */
#ifndef REDELTA_CLI_TABLE_H
#define REDELTA_CLI_TABLE_H

#include <stdio.h>

#include <redelta.h>

/* A row: label, value, and the rest by printf's format. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void table_row(FILE *out, const char *label, const char *value, const char *format, ...);

void table_number(FILE *out, const char *label, uint64_t number);
void table_size(FILE *out, const char *label, uint64_t bytes);

/* `bytes`, and which share they are of `whole`, which is that of the "new file", for example. */
void table_share(FILE *out, const char *label, uint64_t bytes, uint64_t whole, const char *of);

/* `bytes`, which share they are of `whole`, and that they are in `count` "command"s, for example. */
void table_counted(FILE *out, const char *label, uint64_t bytes, uint64_t whole, uint64_t count, const char *of);

/* The blocks of a signature; their sums. */
void table_blocks(FILE *out, uint64_t blocks, const rd_params *params);
void table_sums(FILE *out, const rd_params *params);

/* The time that it took, and the rate for so many bytes. */
void table_time(FILE *out, double seconds, uint64_t bytes);

#endif
