/*
 * page_parts.h: the page of cli/page, as cmake/embed.cmake makes it: what stands before, between and after the two
 * things that the command puts in.
 */
#ifndef REDELTA_CLI_PAGE_PARTS_H
#define REDELTA_CLI_PAGE_PARTS_H

#include <stddef.h>

extern const unsigned char page_start[];
extern const unsigned char page_middle[];
extern const unsigned char page_end[];
extern const size_t page_start_size;
extern const size_t page_middle_size;
extern const size_t page_end_size;

#endif
