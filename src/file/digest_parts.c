/*
 * The digest of a file of which threads, processes or machines read a range each. What they hand on is a record of some
 * hundred bytes, and none of them needs anything of another.
 */
#include "base/result.h"
#include "file/digest.h"
#include "format/digest_part.h"
#include "io/sink.h"
#include "io/source.h"
#include "io/watch.h"

/* Whether anything follows the range. A size that is only expected is not believed. */
static rd_result part_find_end(const rd_source *source, rd__operation *operation, rd__digest_part *part) {
    uint8_t byte;
    size_t got = 0;
    const rd_result result =
        rd__source_read(source, operation, RD_ROLE_NEW, part->offset + part->length, &byte, 1, &got);
    part->last = got == 0;
    return result;
}

static rd_result part_make(rd__operation *operation, const rd_source *source, const rd_sink *out, uint64_t length,
                           rd__digest_part *part) {
    uint8_t record[RD__DIGEST_PART_MAX];
    const uint64_t size = source->size;
    const bool to_end = length == RD_UNKNOWN || (size != RD_UNKNOWN && length >= size - part->offset);
    if (part->offset > INT64_MAX || part->offset % RD__BLAKE3_CHUNK != 0 || (size != RD_UNKNOWN && part->offset > size))
        return rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_NEW, part->offset,
                        "the part does not start at a multiple of 1024 in the file");
    if (!to_end && length % RD__BLAKE3_CHUNK != 0)
        return rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_NEW, part->offset,
                        "the length of the part is no multiple of 1024");
    rd_result result = rd__source_check_seekable(source, RD_ROLE_NEW, RD_E_PARAMETER, &operation->error);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, source, RD_ROLE_NEW, &operation->error);
    const rd_source range = rd_source_range(source, part->offset, length);
    if (result == RD_OK)
        result = rd__source_digest_range(&range, operation, RD_ROLE_NEW, part->offset / RD__BLAKE3_CHUNK, &part->digest,
                                         &part->length);
    if (result == RD_OK)
        result = part_find_end(source, operation, part);
    if (result != RD_OK)
        return result;
    if (!part->last && part->length % RD__BLAKE3_CHUNK != 0)
        return rd__fail(&operation->error, RD_E_CHANGED, RD_ROLE_NEW, RD_UNKNOWN, "changed while it was being read");
    return rd__sink_write(out, operation, record, rd__digest_part_put(part, record));
}

rd_result rd_digest_part_make(const rd_source *source, uint64_t offset, uint64_t length, const rd_sink *out,
                              const rd_options *options) {
    rd__operation operation;
    rd__digest_part part = {.offset = offset};
    const uint64_t size = source->size;
    const uint64_t rest = size == RD_UNKNOWN || offset > size ? RD_UNKNOWN : size - offset;
    const rd__watch watch = rd__watch_begin(source, RD_ROLE_NEW);
    rd_result result = rd__operation_start(&operation, options, length < rest ? length : rest);
    if (result == RD_OK)
        result = part_make(&operation, source, out, length, &part);
    return rd__operation_end(&operation, rd__watch_end(&watch, &operation, result));
}

/* Reads a record. */
static rd_result part_read(const rd_source *record, rd__operation *operation, rd__digest_part *part) {
    uint8_t bytes[RD__DIGEST_PART_MAX + 1];
    size_t got = 0;
    const rd_result result = rd__source_read(record, operation, RD_ROLE_NONE, 0, bytes, sizeof bytes, &got);
    return result == RD_OK ? rd__digest_part_get(bytes, got, part, &operation->error) : result;
}

rd_result rd_digest_part_inspect(const rd_source *record, rd_part *part, const rd_options *options) {
    rd__operation operation;
    rd__digest_part read;
    rd_result result = rd__operation_start(&operation, options, record->size);
    if (result == RD_OK)
        result = part_read(record, &operation, &read);
    if (result == RD_OK)
        *part = (rd_part){.offset = read.offset, .length = read.length, .last = read.last};
    return rd__operation_end(&operation, result);
}

/* Parts without bytes may follow the end of the file: whoever makes one does not know that another reaches so far. */
static rd_result parts_join(rd__operation *operation, const rd_source *records, size_t count, rd__digest *digest) {
    rd__digest_part part = {.offset = 0};
    bool ended = false;
    rd__digest_init(digest, 0);
    for (size_t i = 0; i < count; i++) {
        const uint64_t end = part.offset + part.length;
        operation->stats.delta_index = (uint32_t)i;
        const rd_result result = part_read(&records[i], operation, &part);
        if (result != RD_OK)
            return result;
        if (part.offset != end)
            return rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                            "a part does not start where the part before it ends");
        if (ended && part.length > 0)
            return rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                            "the file ends with a part before this one");
        ended = ended || part.last;
        rd__digest_join(digest, &part.digest);
        operation->stats.in_bytes += part.length;
    }
    if (!part.last)
        return rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                        "the parts do not reach to the end of the file");
    return RD_OK;
}

rd_result rd_digest_join(const rd_source *records, size_t count, uint8_t digest[RD_DIGEST_LEN],
                         const rd_options *options) {
    rd__operation operation;
    rd__digest whole;
    rd_result result = rd__operation_start(&operation, options, RD_UNKNOWN);
    if (result == RD_OK)
        result = parts_join(&operation, records, count, &whole);
    if (result == RD_OK) {
        rd__digest_final(&whole, digest);
        rd__operation_set_digest(&operation, digest);
    }
    return rd__operation_end(&operation, result);
}
