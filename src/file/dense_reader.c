/* See dense_reader.h. */
#include "file/dense_reader.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "compress/column.h"
#include "file/digest.h"
#include "format/magic.h"
#include "io/source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 64 * 1024,
    PAGES = 512 * 1024, /* bytes of the old file that stay in memory */
    LITERAL_AT = RD__EMIT_MAX,
    OUT_SIZE = LITERAL_AT + (int)RD__LITERAL_MAX + 2 * (int)RD__EMIT_MAX
};

bool rd__dense_begins(const uint8_t *data) {
    return rd__load_be32(data) == RD__MAGIC_DENSE;
}

static rd_result dense_fail(rd__dense_reader *r, rd_result result, const char *reason) {
    const uint64_t pending = r->raw.size > RD__DENSE_CHECK_LEN ? r->raw.size - RD__DENSE_CHECK_LEN : 0;
    return rd__fail(&r->operation->error, result, RD_ROLE_DELTA, r->taken - rd__min_u64(pending, r->taken), reason);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Adds `size` bytes of the delta to `raw`, which grows with what is there. *got is less only at the end. */
static rd_result dense_read(rd__dense_reader *r, size_t size, size_t *got) {
    *got = 0;
    while (*got < size) {
        if (r->in.pos == r->in.size) {
            r->in = (rd_in){.data = r->chunk};
            const rd_result result = rd__zstd_source_read(r->source, r->chunk, CHUNK, &r->in.size);
            if (result != RD_OK)
                return result;
            if (r->in.size == 0)
                return RD_OK;
        }
        const size_t taken = rd__min_size(size - *got, r->in.size - r->in.pos);
        rd__growing_put(&r->raw, (const uint8_t *)r->in.data + r->in.pos, taken);
        if (r->raw.failed)
            return rd__fail_memory(&r->operation->error);
        r->in.pos += taken;
        r->taken += taken;
        *got += taken;
    }
    return RD_OK;
}

/* The same for bytes that must be there. */
static rd_result dense_read_all(rd__dense_reader *r, size_t size) {
    size_t got = 0;
    const rd_result result = dense_read(r, size, &got);
    if (result != RD_OK || got == size)
        return result;
    return rd__fail(&r->operation->error, RD_E_TRUNCATED, RD_ROLE_DELTA, r->taken,
                    "the dense delta ends before its trailer");
}

/* Frees what a frame takes, all of which is bounded together. */
static void dense_free_frame(rd__dense_reader *r) {
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        rd__growing_free(&r->columns[i]);
    rd__growing_free(&r->prefix);
    rd__dense_map_free(&r->map);
    rd__growing_free(&r->raw);
}

/* Starts the next part: what was read last is its check. */
static void dense_next_part(rd__dense_reader *r) {
    uint8_t check[RD__DENSE_CHECK_LEN];
    memcpy(check, r->raw.data + r->raw.size - sizeof check, sizeof check);
    dense_free_frame(r);
    rd__growing_put(&r->raw, check, sizeof check);
}

static rd_result dense_check_memory(rd__dense_reader *r, uint64_t size) {
    const uint64_t limit = r->operation->options.limits.memory;
    return limit == 0 || size <= limit
               ? RD_OK
               : dense_fail(r, RD_E_LIMIT, "a frame of the dense delta needs more memory than is allowed");
}

/* ---- The old file ------------------------------------------------------------------------------------------------ */

/* Progress that waits where it is: it is that of the delta, or of what is made of it. */
typedef struct dense_pause {
    rd_progress_fn *progress;
    void *context;
    uint64_t done;
    uint64_t total;
} dense_pause;

static bool dense_progress(void *context, uint64_t done, uint64_t total) {
    const dense_pause *const pause = context;
    (void)done, (void)total;
    return !pause->progress || pause->progress(pause->context, pause->done, pause->total);
}

static rd_result dense_check_digest(rd__dense_reader *r) {
    rd__operation *const operation = r->operation;
    const rd_stats stats = operation->stats;
    const uint64_t done = operation->done;
    dense_pause pause = {.progress = operation->options.progress,
                         .context = operation->options.progress_context,
                         .done = operation->before + done,
                         .total = operation->total};
    uint8_t digest[RD_DIGEST_LEN];
    uint64_t size = 0;
    operation->options.progress = dense_progress;
    operation->options.progress_context = &pause;
    const rd_result result = rd__source_digest(r->basis, operation, RD_ROLE_BASIS, digest, &size);
    operation->options.progress = pause.progress;
    operation->options.progress_context = pause.context;
    operation->stats = stats;
    operation->done = done;
    if (result != RD_OK)
        return result;
    if (size == r->header.basis.size && memcmp(digest, r->header.basis.digest, sizeof digest) == 0)
        return RD_OK;
    return rd__fail(&operation->error, RD_E_MISMATCH, RD_ROLE_BASIS, RD_UNKNOWN,
                    "this is not the basis that the delta was made for");
}

/* Prepares the reading of the old file, after it was found to be the right one. */
static rd_result dense_open_basis(rd__dense_reader *r) {
    rd_error *const error = &r->operation->error;
    rd_result result = rd__basis_check_size(r->basis, r->operation, r->header.basis.size);
    if (result == RD_OK && r->operation->options.verify != RD_VERIFY_NEVER)
        result = dense_check_digest(r);
    if (result != RD_OK)
        return result;
    r->old_file = *r->basis;
    r->old_file.size = r->header.basis.size;
    r->has_pages = rd__pages_init(&r->pages, &r->old_file, RD_ROLE_BASIS, PAGES);
    return r->has_pages ? RD_OK : rd__fail_memory(error);
}

/* ---- A frame ----------------------------------------------------------------------------------------------------- */

static rd_result dense_decode_column(rd__dense_reader *r, size_t i) {
    const rd__dense_stored *const stored = &r->frame.columns[i];
    const rd__column_bytes prefix = {.data = r->prefix.data,
                                     .size = stored->coding == RD__DENSE_ZSTD_PREFIX ? r->prefix.size : 0};
    rd__growing_clear(&r->columns[i]);
    uint8_t *const to = rd__growing_add(&r->columns[i], stored->size);
    if (!to)
        return rd__fail_memory(&r->operation->error);
    if (stored->coding == RD__DENSE_STORED) {
        memcpy(to, stored->data, stored->size);
        return RD_OK;
    }
    /* It lies in `raw`, behind the head of the frame. */
    uint8_t *const coded = r->raw.data + (stored->data - r->raw.data);
    return rd__column_decode(coded, stored->stored, prefix, r->taken, to, stored->size, &r->operation->error);
}

/* At the start of the frame, whose columns of numbers are decoded. */
static rd__dense_walk dense_walk(const rd__dense_reader *r) {
    rd__dense_columns columns;
    rd__dense_walk walk;
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++) {
        columns.data[i] = r->columns[i].data;
        columns.size[i] = r->frame.columns[i].size;
    }
    rd__dense_walk_init(&walk, &r->frame, &columns, r->header.basis.size, r->emitter.target + r->literal);
    return walk;
}

/* Walks over the whole frame: it makes as many bytes as it says, from bytes that there are. */
static rd_result dense_validate(rd__dense_reader *r) {
    rd__dense_walk walk = dense_walk(r);
    rd__dense_piece piece;
    uint64_t target = 0;
    rd_result result = RD_MORE;
    while ((result = rd__dense_walk_next(&walk, &piece)) == RD_MORE) {
        if (piece.length > r->frame.target - target)
            break;
        target += piece.length;
    }
    if (result == RD_OK && target == r->frame.target && walk.target <= RD__DENSE_SIZE_MAX)
        return RD_OK;
    return dense_fail(r, RD_E_CORRUPT, "the columns of a dense frame do not fit each other");
}

/* Reads what the literals are coded by from the old file. */
static rd_result dense_read_prefix(rd__dense_reader *r) {
    rd__dense_walk walk = dense_walk(r);
    rd__dense_gap gap;
    rd__dense_range ranges[2];
    rd__growing_clear(&r->prefix);
    while (rd__dense_walk_gap(&walk, &gap) == RD_MORE) {
        const size_t count = rd__dense_neighbours(&gap, r->header.basis.size, r->prefix.size, ranges);
        for (size_t i = 0; i < count; i++) {
            uint8_t *const more = rd__growing_add(&r->prefix, ranges[i].size);
            if (!more)
                return rd__fail_memory(&r->operation->error);
            if (!rd__pages_read(&r->pages, ranges[i].offset, more, ranges[i].size)) {
                r->operation->error = r->pages.error;
                return r->pages.result;
            }
        }
    }
    return RD_OK;
}

/* Notes where the covers of the frame lie, if anybody asks. */
static rd_result dense_make_map(rd__dense_reader *r) {
    rd__dense_walk walk = dense_walk(r);
    uint64_t offset = 0;
    uint64_t target = 0;
    if (r->frame.columns[RD__DENSE_ADDRESSES].size == 0)
        return RD_OK;
    if (!rd__dense_map_init(&r->map, r->frame.covers, r->header.basis.size))
        return rd__fail_memory(&r->operation->error);
    while (rd__dense_walk_cover(&walk, &offset, &target) == RD_MORE)
        rd__dense_map_add(&r->map, offset, target);
    rd__dense_map_sort(&r->map);
    return RD_OK;
}

/* Decodes what is needed of a frame, whose body is read. */
static rd_result dense_decode(rd__dense_reader *r) {
    uint64_t memory = r->raw.size;
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        memory += r->frame.columns[i].size;
    if (r->frame.columns[RD__DENSE_ADDRESSES].size > 0)
        memory += r->frame.covers * sizeof(rd__dense_moved);
    rd_result result = dense_check_memory(r, memory);
    for (size_t i = 0; result == RD_OK && i < RD__DENSE_LITERALS; i++)
        result = dense_decode_column(r, i);
    if (result == RD_OK)
        result = dense_validate(r);
    if (result != RD_OK || !r->basis)
        return result;
    if (r->frame.columns[RD__DENSE_LITERALS].coding == RD__DENSE_ZSTD_PREFIX)
        result = dense_read_prefix(r);
    if (result == RD_OK)
        result = dense_check_memory(r, memory + r->prefix.size);
    if (result == RD_OK)
        result = dense_make_map(r);
    return result == RD_OK ? dense_decode_column(r, RD__DENSE_LITERALS) : result;
}

/* Reads a frame, after its first byte. */
static rd_result dense_read_frame(rd__dense_reader *r) {
    const uint64_t origin = r->taken - 1;
    uint8_t check[RD__DENSE_CHECK_LEN];
    size_t body = 0;
    rd_result result = dense_read_all(r, RD__DENSE_FRAME_HEAD_LEN - 1);
    if (result == RD_OK)
        result = rd__dense_frame_head_get(r->raw.data + RD__DENSE_CHECK_LEN, origin, &body, &r->operation->error);
    if (result == RD_OK)
        result = dense_check_memory(r, body);
    if (result == RD_OK)
        result = dense_read_all(r, body + RD__DENSE_CHECK_LEN);
    if (result != RD_OK)
        return result;
    rd__dense_check(r->raw.data, r->raw.size - RD__DENSE_CHECK_LEN, check);
    if (memcmp(check, r->raw.data + r->raw.size - RD__DENSE_CHECK_LEN, sizeof check) != 0)
        return dense_fail(r, RD_E_CORRUPT, "the check of a dense frame is wrong");
    result = rd__dense_body_get(r->raw.data + RD__DENSE_CHECK_LEN + RD__DENSE_FRAME_HEAD_LEN, body,
                                origin + RD__DENSE_FRAME_HEAD_LEN, &r->frame, &r->operation->error);
    if (result == RD_OK)
        result = dense_decode(r);
    if (result != RD_OK)
        return result;
    r->walk = dense_walk(r);
    r->literals = 0;
    r->in_frame = true;
    return RD_OK;
}

/* ---- Giving ------------------------------------------------------------------------------------------------------ */

/* Makes a command of the literal that was gathered. It is the first that is given: there is room before it. */
static void dense_give_literal(rd__dense_reader *r) {
    uint8_t command[RD__EMIT_MAX];
    const rd_op op = {.kind = RD_LITERAL, .target_offset = r->emitter.target, .length = r->literal};
    if (r->literal == 0)
        return;
    const size_t size = rd__emit_op(&r->emitter, &op, command);
    r->out_start = LITERAL_AT - size;
    r->out_end = LITERAL_AT + r->literal;
    memcpy(r->out + r->out_start, command, size);
    r->literal = 0;
}

/* Reads the trailer, after its first byte, and gives the end of the delta. */
static rd_result dense_read_trailer(rd__dense_reader *r) {
    size_t more = 0;
    rd_result result = dense_read_all(r, RD__DENSE_TRAILER_LEN - 1);
    if (result == RD_OK)
        result = rd__dense_trailer_get(r->raw.data + RD__DENSE_CHECK_LEN, r->raw.data, r->taken - RD__DENSE_TRAILER_LEN,
                                       &r->trailer, &r->operation->error);
    if (result != RD_OK)
        return result;
    if (r->trailer.new_size != r->emitter.target + r->literal)
        return dense_fail(r, RD_E_CORRUPT, "the dense delta makes a file of another length than its trailer says");
    result = dense_read(r, 1, &more);
    if (result == RD_OK && more > 0)
        return rd__fail(&r->operation->error, RD_E_CORRUPT, RD_ROLE_DELTA, r->taken - 1,
                        "the delta continues after its trailer");
    if (result != RD_OK)
        return result;
    dense_give_literal(r);
    r->out_end += rd__emit_end(&r->emitter, r->trailer.new_digest, &r->header.basis, r->out + r->out_end);
    r->ended = true;
    return RD_OK;
}

/* Reads the next frame, or the trailer. */
static rd_result dense_next(rd__dense_reader *r) {
    dense_next_part(r);
    const rd_result result = dense_read_all(r, 1);
    if (result != RD_OK)
        return result;
    switch (r->raw.data[RD__DENSE_CHECK_LEN]) {
    case RD__DENSE_TRAILER: return dense_read_trailer(r);
    case RD__DENSE_FRAME: return dense_read_frame(r);
    default: return dense_fail(r, RD_E_CORRUPT, "neither a frame of a dense delta nor its trailer");
    }
}

/* Reads bytes of the old file, of the present piece, and makes those of the new file of them. */
static rd_result dense_read_piece(rd__dense_reader *r, uint8_t *to, size_t size) {
    const rd__dense_piece *const piece = &r->piece;
    const bool is_address = piece->kind == RD__DENSE_ADDRESS;
    uint8_t word[RD__DENSE_WORD];
    if (is_address && piece->length < RD__DENSE_WORD) { /* the rest of a word */
        memcpy(to, r->word + (RD__DENSE_WORD - piece->length), size);
        return RD_OK;
    }
    if (!rd__pages_read(&r->pages, piece->offset, is_address ? word : to, is_address ? sizeof word : size)) {
        r->operation->error = r->pages.error;
        return r->pages.result;
    }
    if (is_address) {
        rd__dense_map_word(&r->map, piece->value, word, piece->offset, r->emitter.target + r->literal, r->word);
        memcpy(to, r->word, size);
    }
    if (piece->kind == RD__DENSE_DIFFERENT)
        to[0] = (uint8_t)(to[0] + piece->value);
    return RD_OK;
}

/* Adds bytes of the present piece to the literal. */
static rd_result dense_gather(rd__dense_reader *r) {
    rd__dense_piece *const piece = &r->piece;
    const size_t size = (size_t)rd__min_u64(piece->length, RD__LITERAL_MAX - r->literal);
    uint8_t *const to = r->out + LITERAL_AT + r->literal;
    rd_result result = RD_OK;
    if (!r->basis) {
        memset(to, 0, size);
    } else if (piece->kind == RD__DENSE_LITERAL) {
        memcpy(to, r->columns[RD__DENSE_LITERALS].data + r->literals, size);
        r->literals += size;
    } else {
        result = dense_read_piece(r, to, size);
    }
    r->literal += size;
    piece->length -= size;
    piece->offset += size;
    return result;
}

/* A piece becomes a copy after the literal before it, if it is one. */
static bool dense_give_copy(rd__dense_reader *r) {
    if (r->piece.kind != RD__DENSE_SAME || r->piece.length < RD__DENSE_COPY_MIN)
        return false;
    dense_give_literal(r);
    const rd_op op = {.kind = RD_COPY,
                      .target_offset = r->emitter.target,
                      .length = r->piece.length,
                      .basis_offset = r->piece.offset};
    r->out_end += rd__emit_op(&r->emitter, &op, r->out + r->out_end);
    r->piece.length = 0;
    return true;
}

/* Makes the next bytes that are to be given. */
static rd_result dense_fill(rd__dense_reader *r) {
    rd_result result = RD_OK;
    r->out_start = r->out_end = LITERAL_AT;
    while (result == RD_OK && r->out_start == r->out_end && !r->ended) {
        if (r->piece.length > 0) {
            result = dense_gather(r);
            if (result == RD_OK && r->literal == RD__LITERAL_MAX)
                dense_give_literal(r);
        } else if (!r->in_frame) {
            result = dense_next(r);
        } else {
            r->in_frame = rd__dense_walk_next(&r->walk, &r->piece) == RD_MORE;
            if (r->in_frame)
                (void)dense_give_copy(r);
        }
    }
    return result;
}

rd_result rd__dense_reader_read(rd__dense_reader *r, uint8_t *data, size_t size, size_t *got) {
    *got = 0;
    while (*got < size) {
        if (r->out_start == r->out_end) {
            const rd_result result = dense_fill(r);
            if (result != RD_OK)
                return result;
            if (r->out_start == r->out_end)
                break;
        }
        const size_t taken = rd__min_size(size - *got, r->out_end - r->out_start);
        memcpy(data + *got, r->out + r->out_start, taken);
        r->out_start += taken;
        *got += taken;
    }
    return RD_OK;
}

void rd__dense_reader_stats(const rd__dense_reader *r, rd__operation *operation) {
    rd_stats *const stats = &operation->stats;
    stats->literal_commands = r->counted.literal_commands;
    stats->literal_bytes = r->counted.literal_bytes;
    stats->literal_command_bytes = r->counted.literal_command_bytes;
    stats->copy_commands = r->counted.copy_commands;
    stats->copy_bytes = r->counted.copy_bytes;
    stats->copy_command_bytes = r->counted.copy_command_bytes;
    rd__operation_set_digest(operation, r->trailer.new_digest);
    rd__operation_set_basis(operation, r->header.basis.size, r->header.basis.digest);
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static rd_result dense_open(rd__dense_reader *r, const uint8_t *data, size_t size) {
    r->chunk = rd__alloc_array(CHUNK, 1);
    r->out = rd__alloc_array(OUT_SIZE, 1);
    if (!r->chunk || !r->out)
        return rd__fail_memory(&r->operation->error);
    assert(size <= CHUNK);
    memcpy(r->chunk, data, size);
    r->in = (rd_in){.data = r->chunk, .size = size};
    rd_result result = dense_read_all(r, RD__DENSE_HEADER_LEN);
    if (result == RD_OK)
        result = rd__dense_header_get(r->raw.data, &r->header, &r->operation->error);
    if (result == RD_OK && r->basis)
        result = dense_open_basis(r);
    r->out_end = LITERAL_AT + rd__emit_magic(r->out + LITERAL_AT);
    r->out_start = LITERAL_AT;
    return result;
}

rd_result rd__dense_reader_open(rd__dense_reader **reader, rd__zstd_source *source, const rd_source *basis,
                                const uint8_t *data, size_t size) {
    rd__dense_reader *const r = rd__alloc_zeroed(1, sizeof *r);
    *reader = r;
    if (!r)
        return rd__fail_memory(&source->operation->error);
    r->source = source;
    r->operation = source->operation;
    r->basis = basis;
    r->emitter.stats = &r->counted;
    return dense_open(r, data, size);
}

void rd__dense_reader_close(rd__dense_reader *r) {
    if (!r)
        return;
    dense_free_frame(r);
    if (r->has_pages)
        rd__pages_free(&r->pages);
    free(r->chunk);
    free(r->out);
    free(r);
}
