/* See reader.h. */
#include "file/reader.h"

#include "base/memory.h"
#include "format/magic.h"

enum { FIRST_MAX = 64 * 1024 }; /* bytes, at most, of the first read of a delta */

bool rd__role_may_be_compressed(const rd__operation *operation, rd_role role) {
    return (role == RD_ROLE_SIGNATURE || role == RD_ROLE_DELTA) &&
           operation->options.compression != RD_COMPRESSION_NEVER;
}

rd__reader rd__reader_of(const rd_source *source, rd__operation *operation, rd_role role) {
    const bool recognise = rd__role_may_be_compressed(operation, role);
    return (rd__reader){.source = rd__zstd_source_of(source, operation, role, recognise),
                        .expands = role == RD_ROLE_DELTA};
}

/* Reads the first bytes, so many that they tell whether it is a dense delta, and opens that. */
static rd_result reader_begin(rd__reader *reader, uint8_t *data, size_t size, size_t *got) {
    rd_result result = RD_OK;
    size_t n = 1;
    reader->begun = true;
    for (*got = 0; result == RD_OK && n > 0 && *got < RD__MAGIC_LEN && size - *got >= RD__MAGIC_LEN; *got += n)
        result = rd__zstd_source_read(&reader->source, data + *got, size - *got, &n);
    if (result != RD_OK || *got < RD__MAGIC_LEN || !rd__dense_begins(data))
        return result;
    return rd__dense_reader_open(&reader->dense, &reader->source, reader->basis, data, *got);
}

rd_result rd__reader_read(rd__reader *reader, void *data, size_t size, size_t *got) {
    rd__operation *const operation = reader->source.operation;
    rd_result result = RD_OK;
    *got = 0;
    if (reader->expands && !reader->begun)
        result = reader_begin(reader, data, rd__min_size(size, FIRST_MAX), got);
    else if (!reader->dense)
        result = rd__zstd_source_read(&reader->source, data, size, got);
    if (result == RD_OK && reader->dense)
        result = rd__dense_reader_read(reader->dense, data, size, got);
    if (result != RD_OK)
        return result;
    reader->ended = *got == 0;
    operation->stats.in_bytes = reader->source.read;
    return rd__operation_progress_read(operation, reader->source.read);
}

uint64_t rd__reader_skip(rd__reader *reader, uint64_t size) {
    const rd_source *const source = reader->source.source;
    const bool can = reader->source.started && !reader->dense && !reader->source.compressed && source->seekable;
    if (!can || source->size == RD_UNKNOWN || source->size < reader->source.read)
        return 0;
    const uint64_t skipped = rd__min_u64(size, source->size - reader->source.read);
    reader->source.read += skipped;
    return skipped;
}

void rd__reader_close(rd__reader *reader) {
    rd__dense_reader_close(reader->dense);
    reader->dense = NULL;
    rd__zstd_source_close(&reader->source);
}
