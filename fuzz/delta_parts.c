/*
 * A delta made in parts: joined they are, byte for byte, the delta that is made at once, whatever the ranges. And parts
 * that lie, whose checks are right: they are refused, or make a delta that is one, of a file of the same length.
 *
 * Input: the old file, a script that makes the new one, bytes that change a record.
 */
#include "operations.h"
#include "reference.h"

#include "base/bytes.h"
#include "file/part_reader.h"

enum { PARTS_MAX = 9, CHOICES = 40 };

typedef struct parts_case {
    fuzz_files files;
    rd_signature *signature;
    fuzz_pace pace;
    bool reads; /* the new file is a function */
    rd_verify verify;
    rd_memory records[PARTS_MAX];
    size_t count;
} parts_case;

/* The new file. The reader must stay where it is. */
static rd_source new_file_of(const parts_case *c, fuzz_reader *reader) {
    *reader = (fuzz_reader){.bytes = &c->files.new_file, .pace = c->pace};
    return c->reads ? rd_source_callback(fuzz_read, reader, c->files.new_file.size, RD_SEEKABLE)
                    : fuzz_source(&c->files.new_file);
}

/* Cuts the file at multiples of the grid, as the choices say, and makes the parts. */
static void make_parts(parts_case *c, fuzz_input *in) {
    const uint64_t grid = rd_delta_part_grid(c->signature);
    const uint64_t size = c->files.new_file.size;
    uint64_t at = 0;
    for (bool last = false; !last; c->count++) {
        rd_memory *const record = &c->records[c->count];
        const uint64_t length = fuzz_byte(in) % 5 * grid;
        const rd_sink sink = rd_sink_memory(record);
        rd_part part;
        rd_error error;
        fuzz_reader reader;
        const rd_source new_file = new_file_of(c, &reader);
        last = c->count + 1 == PARTS_MAX || at + length >= size;
        fuzz_require(rd_delta_part_make(c->signature, &new_file, at, last ? RD_UNKNOWN : length, &sink,
                                        &(rd_options){FUZZ_OPTIONS(&error), .verify = c->verify, .threads = 2}) ==
                     RD_OK);
        const rd_source source = fuzz_source(record);
        fuzz_require(rd_delta_part_inspect(&source, &part, NULL) == RD_OK);
        fuzz_require(part.offset == at && part.length == (last ? size - at : length) && part.last == last);
        at += length;
    }
}

static rd_result join(const parts_case *c, rd_memory *made, rd_error *error) {
    rd_source sources[PARTS_MAX];
    fuzz_reader reader;
    const rd_source new_file = new_file_of(c, &reader);
    const rd_sink sink = rd_sink_memory(made);
    for (size_t i = 0; i < c->count; i++)
        sources[i] = fuzz_source(&c->records[i]);
    return rd_delta_join(c->signature, sources, c->count, &new_file, &sink,
                         &(rd_options){FUZZ_OPTIONS(error), .verify = c->verify});
}

static void check_same(const parts_case *c) {
    rd_error error;
    rd_memory made = {0};
    rd_memory expected = fuzz_delta_of(c->signature, &c->files.new_file, c->verify, 2);
    fuzz_require(join(c, &made, &error) == RD_OK);
    fuzz_require(fuzz_same(&made, &expected));
    rd_memory_free(&expected);
    rd_memory_free(&made);
}

/*
 * Makes the sum of the literals right for the copies that the record now has, so that these are looked at. It stands
 * before the nodes.
 */
static void sum_again(const parts_case *c, rd_memory *record) {
    rd__operation operation;
    rd__part_reader r;
    const rd_source source = fuzz_source(record);
    const rd_memory *const file = &c->files.new_file;
    fuzz_require(rd__operation_start(&operation, NULL, RD_UNKNOWN) == RD_OK);
    fuzz_require(rd__part_reader_open(&r, &operation) == RD_OK);
    if (rd__part_reader_read(&r, &source) == RD_OK && r.part.new_size == file->size) {
        const uint64_t first = rd__delta_part_first_chunk(&r.part);
        const uint64_t end = rd__delta_part_end_chunk(&r.part);
        const bool nodes = r.part.head.flags & RD__DELTA_PART_DIGEST;
        const uint64_t stop = rd__delta_part_stop(&r.part) < file->size ? rd__delta_part_stop(&r.part) : file->size;
        uint32_t sum = rd__weak_seed(RD_RABINKARP);
        uint64_t at = r.part.head.offset;
        for (size_t i = 0; i <= r.count; i++) {
            const uint64_t to = i < r.count ? r.copies[i].target_offset : stop;
            for (; at < to; at++)
                sum = rd__kernels_best()->weak_update[RD_RABINKARP](sum, file->data + at, 1);
            at = i < r.count ? to + r.copies[i].length : at;
        }
        rd__store_be32(record->data + record->size - RD__PART_CHECK - (nodes ? rd__nodes_size(first, end) : 0) - 4,
                       sum);
    }
    rd__part_reader_close(&r);
    (void)rd__operation_end(&operation, RD_OK);
}

/* Changes some bytes of a record, and makes its check right again. */
static bool change_record(parts_case *c, fuzz_input *in) {
    rd_memory *const record = &c->records[fuzz_byte(in) % c->count];
    const bool sums = fuzz_byte(in) & 1;
    const size_t size = record->size - RD__PART_CHECK;
    const size_t changes = fuzz_byte(in) % 4;
    for (size_t i = 0; i < changes; i++) {
        const size_t at = fuzz_number(in, 2) % size;
        record->data[at] = fuzz_byte(in);
    }
    rd__part_check(record->data, size, record->data + size);
    if (sums) {
        sum_again(c, record);
        rd__part_check(record->data, size, record->data + size);
    }
    return changes > 0;
}

static void check_changed(const parts_case *c) {
    rd_error error;
    rd_memory made = {0};
    const rd_result result = join(c, &made, &error);
    if (result == RD_E_CHANGED) {
        fuzz_require(error.role == RD_ROLE_NEW && error.reason);
    } else if (result != RD_OK) {
        fuzz_require_error(result, &error);
    } else {
        fuzz_reference r = fuzz_reference_patch(&c->files.old_file, &made);
        /* A copy may claim all of a last block that is short. */
        fuzz_require(r.verdict == FUZZ_DONE || r.verdict == FUZZ_BASIS_ENDED);
        fuzz_require(r.verdict != FUZZ_DONE || r.made.size == c->files.new_file.size);
        rd_memory_free(&r.made);
    }
    rd_memory_free(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const uint8_t kinds = fuzz_byte(&in);
    parts_case c = {.reads = kinds & 1, .verify = kinds & 2 ? RD_VERIFY_NEVER : RD_VERIFY_DEFAULT};
    c.pace = fuzz_pace_from(&in);
    const size_t chosen = fuzz_least(in.size, CHOICES); /* of ranges and changes: they stand before those of files */
    fuzz_input choices = {.size = chosen};
    in.size -= chosen;
    if (chosen > 0)
        choices.data = in.data + in.size;
    if (!fuzz_files_from(&c.files, &in))
        return 0;
    rd_memory bytes = fuzz_signature_of(&c.files, 1);
    c.signature = fuzz_loaded(&bytes, 1);
    make_parts(&c, &choices);
    check_same(&c);
    if (change_record(&c, &choices))
        check_changed(&c);
    for (size_t i = 0; i < c.count; i++)
        rd_memory_free(&c.records[i]);
    rd_signature_free(c.signature);
    rd_memory_free(&bytes);
    fuzz_files_free(&c.files);
    return 0;
}
