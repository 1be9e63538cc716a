/* See digest_part.h. Pure functions over memory. */
#include "format/digest_part.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/magic.h"

#include <assert.h>

enum { VERSION_AT = 4, FLAGS_AT = 5, ZERO_AT = 6, OFFSET_AT = 8, LENGTH_AT = 16, VERSION = 1, FLAG_LAST = 1 };

void rd__part_head_put(uint8_t bytes[RD__PART_HEAD], const rd__part_head *head) {
    memset(bytes, 0, RD__PART_HEAD);
    rd__store_be32(bytes, head->magic);
    bytes[VERSION_AT] = VERSION;
    bytes[FLAGS_AT] = head->flags;
    rd__store_be(bytes + OFFSET_AT, 8, head->offset);
    rd__store_be(bytes + LENGTH_AT, 8, head->length);
}

rd_result rd__part_head_get(const uint8_t bytes[RD__PART_HEAD], uint8_t flags, rd__part_head *head, rd_error *error) {
    const bool of_digest = head->magic == RD__MAGIC_DIGEST_PART;
    if (rd__load_be32(bytes) != head->magic)
        return rd__fail(error, RD_E_MAGIC, RD_ROLE_NONE, 0,
                        of_digest ? "this is not a part of a digest" : "this is not a part of a delta");
    if (bytes[VERSION_AT] != VERSION)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, VERSION_AT,
                        "the part is of a version that this one does not know");
    head->flags = bytes[FLAGS_AT];
    head->offset = rd__load_be(bytes + OFFSET_AT, 8);
    head->length = rd__load_be(bytes + LENGTH_AT, 8);
    if ((head->flags & ~flags) != 0 || bytes[ZERO_AT] != 0 || bytes[ZERO_AT + 1] != 0)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_NONE, FLAGS_AT, "the part has flags that there are not");
    if (head->offset > INT64_MAX || head->length > INT64_MAX - head->offset)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_NONE, OFFSET_AT, "the part has an impossible range");
    return RD_OK;
}

void rd__part_check(const uint8_t *bytes, size_t size, uint8_t check[RD__PART_CHECK]) {
    uint8_t sum[RD__BLAKE3_LEN];
    rd__digest digest;
    rd__digest_init(&digest, 0);
    rd__digest_add(&digest, rd__kernels_best(), bytes, size);
    rd__digest_final(&digest, sum);
    memcpy(check, sum, RD__PART_CHECK);
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------- */

static bool nodes_are_alone(uint64_t start, uint64_t end) {
    return start == 0 && end == 1;
}

size_t rd__nodes_size(uint64_t start, uint64_t end) {
    size_t count = nodes_are_alone(start, end) ? 1 : 0;
    for (uint64_t at = start; at < end; at += (uint64_t)1 << rd__digest_level(start, at, end))
        count++;
    return count * RD__BLAKE3_LEN;
}

size_t rd__nodes_put(rd__digest *digest, uint8_t bytes[RD__NODES_MAX]) {
    rd__digest_settle(digest);
    size_t size = digest->count * RD__BLAKE3_LEN;
    for (size_t i = 0; i < digest->count; i++)
        memcpy(bytes + i * RD__BLAKE3_LEN, digest->nodes[i], RD__BLAKE3_LEN);
    if (nodes_are_alone(digest->start, digest->end)) {
        memcpy(bytes + size, digest->alone, RD__BLAKE3_LEN);
        size += RD__BLAKE3_LEN;
    }
    assert(size == rd__nodes_size(digest->start, digest->end));
    return size;
}

void rd__nodes_get(const uint8_t *bytes, uint64_t start, uint64_t end, bool ended, rd__digest *digest) {
    rd__digest_init(digest, start);
    for (; digest->end < end; bytes += RD__BLAKE3_LEN)
        rd__digest_add_node(digest, bytes, rd__digest_level(start, digest->end, end));
    if (nodes_are_alone(start, end))
        memcpy(digest->alone, bytes, RD__BLAKE3_LEN);
    digest->ended = ended;
}

/* ---- Parts of digests -------------------------------------------------------------------------------------------- */

size_t rd__digest_part_put(rd__digest_part *part, uint8_t bytes[RD__DIGEST_PART_MAX]) {
    rd__part_head_put(bytes, &(rd__part_head){.magic = RD__MAGIC_DIGEST_PART,
                                              .flags = part->last ? FLAG_LAST : 0,
                                              .offset = part->offset,
                                              .length = part->length});
    const size_t size = RD__PART_HEAD + rd__nodes_put(&part->digest, bytes + RD__PART_HEAD);
    rd__part_check(bytes, size, bytes + size);
    return size + RD__PART_CHECK;
}

rd_result rd__digest_part_get(const uint8_t *bytes, size_t size, rd__digest_part *part, rd_error *error) {
    rd__part_head head = {.magic = RD__MAGIC_DIGEST_PART};
    uint8_t check[RD__PART_CHECK];
    if (size < RD__PART_HEAD)
        return rd__fail(error, RD_E_TRUNCATED, RD_ROLE_NONE, size, "the part is cut short");
    const rd_result result = rd__part_head_get(bytes, FLAG_LAST, &head, error);
    if (result != RD_OK)
        return result;
    *part = (rd__digest_part){.offset = head.offset, .length = head.length, .last = head.flags & FLAG_LAST};
    if (part->offset % RD__BLAKE3_CHUNK != 0 || (!part->last && part->length % RD__BLAKE3_CHUNK != 0))
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_NONE, OFFSET_AT, "the part has an impossible range");
    const uint64_t start = rd__digest_chunks_before(part->offset);
    const uint64_t end = rd__digest_chunks_before(part->offset + part->length);
    const size_t due = RD__PART_HEAD + rd__nodes_size(start, end) + RD__PART_CHECK;
    if (size != due)
        return rd__fail(error, size < due ? RD_E_TRUNCATED : RD_E_CORRUPT, RD_ROLE_NONE, size < due ? size : due,
                        size < due ? "the part is cut short" : "the part continues after its end");
    rd__part_check(bytes, size - RD__PART_CHECK, check);
    if (memcmp(check, bytes + size - RD__PART_CHECK, RD__PART_CHECK) != 0)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_NONE, RD_UNKNOWN, "the part is damaged");
    rd__nodes_get(bytes + RD__PART_HEAD, start, end, part->length % RD__BLAKE3_CHUNK != 0, &part->digest);
    return RD_OK;
}
