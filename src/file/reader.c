/* See reader.h. */
#include "file/reader.h"

#include "base/memory.h"

bool rd__role_may_be_compressed(const rd__operation *operation, rd_role role) {
    return (role == RD_ROLE_SIGNATURE || role == RD_ROLE_DELTA) &&
           operation->options.compression != RD_COMPRESSION_NEVER;
}

rd__reader rd__reader_of(const rd_source *source, rd__operation *operation, rd_role role) {
    const bool recognise = rd__role_may_be_compressed(operation, role);
    return (rd__reader){.source = rd__zstd_source_of(source, operation, role, recognise)};
}

rd_result rd__reader_read(rd__reader *reader, void *data, size_t size, size_t *got) {
    rd__operation *const operation = reader->source.operation;
    const rd_result result = rd__zstd_source_read(&reader->source, data, size, got);
    if (result != RD_OK)
        return result;
    reader->ended = *got == 0;
    operation->stats.in_bytes = reader->source.read;
    return rd__operation_progress_read(operation, reader->source.read);
}

uint64_t rd__reader_skip(rd__reader *reader, uint64_t size) {
    const rd_source *const source = reader->source.source;
    const bool can = reader->source.started && !reader->source.compressed && source->seekable;
    if (!can || source->size == RD_UNKNOWN || source->size < reader->source.read)
        return 0;
    const uint64_t skipped = rd__min_u64(size, source->size - reader->source.read);
    reader->source.read += skipped;
    return skipped;
}

void rd__reader_close(rd__reader *reader) {
    rd__zstd_source_close(&reader->source);
}
