/* See part_reader.h. */
#include "file/part_reader.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/numbers.h"

#include <stdlib.h>

enum { BUFFER_SIZE = 64 * 1024 };

rd_result rd__part_reader_open(rd__part_reader *reader, rd__operation *operation) {
    *reader = (rd__part_reader){.operation = operation};
    reader->buffer = rd__context_take(operation->context, BUFFER_SIZE, 1);
    return reader->buffer && rd__digester_init(&reader->check, rd__kernels_best()) ? RD_OK
                                                                                   : rd__fail_memory(&operation->error);
}

void rd__part_reader_close(rd__part_reader *reader) {
    rd__context_give(reader->operation->context, reader->buffer);
    rd__digester_free(&reader->check);
    free(reader->copies);
    reader->copies = NULL;
}

static rd_result part_fail(rd__part_reader *reader, rd_result result, const char *reason) {
    return rd__fail(&reader->operation->error, result, RD_ROLE_NONE, reader->offset - (reader->filled - reader->at),
                    reason);
}

/* Has `size` bytes of the record in the buffer, from reader->at on, if there are so many. */
static rd_result part_fill(rd__part_reader *reader, size_t size) {
    size_t got = 0;
    if (reader->filled - reader->at >= size)
        return RD_OK;
    memmove(reader->buffer, reader->buffer + reader->at, reader->filled - reader->at);
    reader->filled -= reader->at;
    reader->at = 0;
    const rd_result result = rd__source_read(reader->source, reader->operation, RD_ROLE_NONE, reader->offset,
                                             reader->buffer + reader->filled, BUFFER_SIZE - reader->filled, &got);
    reader->filled += got;
    reader->offset += got;
    return result;
}

/* Takes `size` bytes, which stay until the next are taken. */
static rd_result part_take(rd__part_reader *reader, size_t size, const uint8_t **bytes) {
    const rd_result result = part_fill(reader, size);
    if (result != RD_OK)
        return result;
    if (reader->filled - reader->at < size) {
        (void)part_fail(reader, RD_E_TRUNCATED, "the part is cut short");
        return RD_E_TRUNCATED;
    }
    *bytes = reader->buffer + reader->at;
    rd__digester_take(&reader->check, *bytes, size);
    reader->at += size;
    return RD_OK;
}

static rd_result part_take_number(rd__part_reader *reader, uint64_t *number) {
    const rd_result result = part_fill(reader, RD__NUMBER_MAX);
    if (result != RD_OK)
        return result;
    const uint8_t *const from = reader->buffer + reader->at;
    const uint8_t *next = from;
    const bool ends = reader->filled - reader->at < RD__NUMBER_MAX;
    if (!rd__number_get(&next, reader->buffer + reader->filled, number))
        return ends ? part_fail(reader, RD_E_TRUNCATED, "the part is cut short")
                    : part_fail(reader, RD_E_CORRUPT, "a number of the part is too large");
    rd__digester_take(&reader->check, from, (size_t)(next - from));
    reader->at += (size_t)(next - from);
    return RD_OK;
}

static rd_result part_take_head(rd__part_reader *reader) {
    const uint8_t *bytes = NULL;
    rd_result result = part_take(reader, RD__DELTA_PART_HEAD, &bytes);
    if (result == RD_OK)
        result = rd__delta_part_get(bytes, &reader->part, &reader->operation->error);
    if (result == RD_OK && reader->part.head.flags & RD__DELTA_PART_STATE) {
        result = part_take(reader, RD__DELTA_PART_STATE_LEN, &bytes);
        if (result == RD_OK)
            rd__part_state_get(bytes, &reader->part.state);
    }
    return result;
}

static rd_result part_add_copy(rd__part_reader *reader, rd__part_copies *copies, const uint64_t numbers[3]) {
    rd_op *const grown = rd__allowance_grow(&reader->allowance, reader->copies, &reader->capacity,
                                            (uint64_t)reader->count + 1, sizeof *grown, &reader->operation->error);
    if (!grown)
        return reader->operation->error.result;
    reader->copies = grown;
    if (!rd__part_copy_get(copies, &reader->part, numbers, &reader->copies[reader->count]))
        return part_fail(reader, RD_E_CORRUPT, "the part has an impossible copy");
    reader->count++;
    return RD_OK;
}

static rd_result part_take_copies(rd__part_reader *reader) {
    rd__part_copies copies = {.at = reader->part.head.offset};
    rd_result result = RD_OK;
    for (;;) {
        uint64_t numbers[3];
        result = part_take_number(reader, &numbers[0]);
        if (result != RD_OK || numbers[0] == 0)
            break;
        result = part_take_number(reader, &numbers[1]);
        if (result == RD_OK)
            result = part_take_number(reader, &numbers[2]);
        if (result == RD_OK)
            result = part_add_copy(reader, &copies, numbers);
        if (result != RD_OK)
            break;
    }
    return result;
}

static rd_result part_take_rest(rd__part_reader *reader) {
    const uint8_t *bytes = NULL;
    uint64_t numbers[3] = {0};
    rd_result result = RD_OK;
    for (size_t i = 0; result == RD_OK && i < 3; i++)
        result = part_take_number(reader, &numbers[i]);
    if (result != RD_OK)
        return result;
    if (!rd__part_copy_shorten(&reader->part, numbers[0],
                               reader->count > 0 ? &reader->copies[reader->count - 1] : NULL))
        return part_fail(reader, RD_E_CORRUPT, "the part has an impossible last copy");
    reader->worst = (uint32_t)rd__min_u64(numbers[1], UINT32_MAX / 2);
    reader->false_matches = numbers[2];
    result = part_take(reader, 4, &bytes);
    if (result == RD_OK)
        reader->literals = rd__load_be32(bytes);
    return result;
}

static rd_result part_take_nodes(rd__part_reader *reader) {
    const uint64_t start = rd__delta_part_first_chunk(&reader->part);
    const uint64_t end = rd__delta_part_end_chunk(&reader->part);
    const uint8_t *bytes = NULL;
    if ((reader->part.head.flags & RD__DELTA_PART_DIGEST) == 0)
        return RD_OK;
    const rd_result result = part_take(reader, rd__nodes_size(start, end), &bytes);
    if (result == RD_OK)
        rd__nodes_get(bytes, start, end, end * RD__BLAKE3_CHUNK > reader->part.new_size, &reader->digest);
    return result;
}

/* Everything was taken but the check. */
static rd_result part_take_check(rd__part_reader *reader) {
    uint8_t sum[RD__BLAKE3_LEN];
    const uint8_t *bytes = NULL;
    rd__digester_final(&reader->check, sum);
    rd_result result = part_take(reader, RD__PART_CHECK, &bytes);
    if (result != RD_OK)
        return result;
    if (memcmp(bytes, sum, RD__PART_CHECK) != 0)
        return rd__fail(&reader->operation->error, RD_E_CORRUPT, RD_ROLE_NONE, RD_UNKNOWN, "the part is damaged");
    result = part_fill(reader, 1);
    if (result == RD_OK && reader->filled > reader->at)
        return part_fail(reader, RD_E_CORRUPT, "the part continues after its end");
    return result;
}

rd_result rd__part_reader_read(rd__part_reader *reader, const rd_source *record) {
    const uint64_t limit = reader->operation->options.limits.memory;
    reader->source = record;
    reader->offset = 0;
    reader->at = reader->filled = 0;
    reader->count = 0;
    reader->allowance.limit = limit > 0 ? limit : UINT64_MAX;
    rd__digester_reset(&reader->check);
    rd_result result = part_take_head(reader);
    if (result == RD_OK)
        result = part_take_copies(reader);
    if (result == RD_OK)
        result = part_take_rest(reader);
    if (result == RD_OK)
        result = part_take_nodes(reader);
    return result == RD_OK ? part_take_check(reader) : result;
}
