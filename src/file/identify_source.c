/* What a source is, also if it is compressed. */
#include "file/reader.h"
#include "format/magic.h"

rd_result rd_source_identify(const rd_source *source, rd_kind *kind, bool *compressed, const rd_options *options) {
    uint8_t start[2 * RD__MAGIC_LEN];
    size_t size = 0;
    rd__operation operation;
    rd_result result = rd__operation_start(&operation, options, source->size);
    /* Only the caller knows the role of the file; this one may be compressed. */
    rd__reader reader = rd__reader_of(source, &operation, RD_ROLE_DELTA);
    reader.expands = false;
    while (result == RD_OK && size < RD__MAGIC_LEN && !reader.ended) {
        size_t got = 0;
        result = rd__reader_read(&reader, start + size, sizeof start - size, &got);
        size += got;
    }
    *kind = rd_identify(start, size);
    if (compressed)
        *compressed = reader.source.compressed;
    operation.error.role = RD_ROLE_NONE;
    rd__reader_close(&reader);
    return rd__operation_end(&operation, result);
}
