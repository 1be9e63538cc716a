/* See pages.h. */
#include "io/pages.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/source.h"

#include <stdlib.h>
#include <string.h>

enum { AHEAD = 16 }; /* pages that are read at once, in order */

bool rd__pages_init(rd__pages *pages, const rd_source *source, rd_role role, size_t bytes) {
    const uint8_t *const memory = source->memory;
    *pages = (rd__pages){.source = source, .role = role, .whole = memory ? memory + source->origin : NULL, .count = 1};
    if (pages->whole)
        return true;
    while (pages->count * 2 * RD__PAGE_SIZE <= bytes && pages->count * RD__PAGE_SIZE < source->size)
        pages->count *= 2;
    pages->room = rd__alloc_buffer(pages->count, RD__PAGE_SIZE);
    pages->numbers = rd__alloc_zeroed(pages->count, sizeof *pages->numbers);
    if (pages->room && pages->numbers)
        return true;
    rd__pages_free(pages);
    return false;
}

/* Reads the page, and if those before it were read last, some more; pages that follow each other lie so, too. */
static bool pages_read(rd__pages *pages, uint64_t number) {
    rd__operation operation = rd__operation_none();
    const size_t slot = (size_t)number & (pages->count - 1);
    const size_t wanted = number == pages->next ? rd__min_size(AHEAD, pages->count - slot) : 1;
    const uint64_t offset = number * RD__PAGE_SIZE;
    const size_t size = (size_t)rd__min_u64(wanted * RD__PAGE_SIZE, pages->source->size - offset);
    size_t got = 0;
    memset(&pages->numbers[slot], 0, wanted * sizeof *pages->numbers);
    pages->result =
        rd__source_read(pages->source, &operation, pages->role, offset, pages->room + slot * RD__PAGE_SIZE, size, &got);
    if (pages->result == RD_OK && got < size)
        pages->result =
            rd__fail(&operation.error, RD_E_TRUNCATED, pages->role, offset + got, "the file became shorter");
    pages->error = operation.error;
    for (size_t i = 0; pages->result == RD_OK && i * RD__PAGE_SIZE < size; i++)
        pages->numbers[slot + i] = number + i + 1;
    pages->next = number + wanted;
    return pages->result == RD_OK;
}

const uint8_t *rd__pages_at(rd__pages *pages, uint64_t offset, size_t *before, size_t *after) {
    const uint64_t number = offset / RD__PAGE_SIZE;
    *before = (size_t)(offset % RD__PAGE_SIZE);
    *after = (size_t)rd__min_u64(RD__PAGE_SIZE - *before, pages->source->size - offset);
    if (pages->whole)
        return pages->whole + offset;
    const size_t slot = (size_t)number & (pages->count - 1);
    if (pages->numbers[slot] != number + 1 && !pages_read(pages, number))
        return NULL;
    return pages->room + slot * RD__PAGE_SIZE + *before;
}

bool rd__pages_read(rd__pages *pages, uint64_t offset, uint8_t *data, size_t size) {
    while (size > 0) {
        size_t before = 0;
        size_t after = 0;
        const uint8_t *const from = rd__pages_at(pages, offset, &before, &after);
        if (!from)
            return false;
        const size_t taken = rd__min_size(size, after);
        memcpy(data, from, taken);
        data += taken;
        offset += taken;
        size -= taken;
    }
    return true;
}

void rd__pages_free(rd__pages *pages) {
    rd__free_buffer(pages->room);
    free(pages->numbers);
    pages->room = NULL;
    pages->numbers = NULL;
}
