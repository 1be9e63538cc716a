/*
 * Where bytes of the old file lie in the new one, by the covers of a frame: so addresses in programs, which change when
 * what they lead to moves, need not be told one by one.
 *
 * A byte of the old file is taken to have moved as the cover did that starts at it or is the nearest to start before it
 * (of several that start at one place, the last). An address is a word of four bytes, the lowest first, and one of
 *     0  the distance from the byte after the word to another byte of the file
 *     1  the offset of a byte of the file
 *     2  the same and 0x400000, where the programs of ELF start that do not start at 0
 * If it leads to a byte of the old file, and a cover starts at it or before it, the new word is the address, of the
 * same kind, of where that byte lies in the new file, modulo 2^32; else it is the old word.
 */
#ifndef RD_FORMAT_DENSE_MAP_H
#define RD_FORMAT_DENSE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD__DENSE_WORD = 4, RD__DENSE_ADDRESS_KINDS = 3 };

typedef struct rd__dense_moved {
    uint64_t offset; /* in the old file */
    uint64_t by;     /* offset in the new file less that in the old one, modulo 2^64 */
    size_t number;
} rd__dense_moved;

/* All zero: no covers. */
typedef struct rd__dense_map {
    rd__dense_moved *covers;
    size_t count;
    size_t room;
    uint64_t old_size;
} rd__dense_map;

/* Empty, with room for so many covers; it keeps the memory it had. False: out of memory. */
bool rd__dense_map_init(rd__dense_map *map, size_t covers, uint64_t old_size);
/* Adds a cover, for which there is room. */
void rd__dense_map_add(rd__dense_map *map, uint64_t offset, uint64_t target);
/* After the last cover. */
void rd__dense_map_sort(rd__dense_map *map);

/* The new word of an address of this kind, which lies at `offset` of the old file and at `target` of the new one. */
void rd__dense_map_word(const rd__dense_map *map, unsigned kind, const uint8_t *old_word, uint64_t offset,
                        uint64_t target, uint8_t new_word[RD__DENSE_WORD]);

void rd__dense_map_free(rd__dense_map *map);

#endif
