/*
 * Records of parts, untrusted: whatever they say, they are refused or say something that can be. A part of a digest
 * that is accepted is written again as it was read; a part of a delta that is accepted is joined, alone, with a file of
 * the length that it claims, if that is short.
 *
 * Input: the record; a choice says whether its check is made right.
 */
#include "fuzz.h"

#include "base/bytes.h"
#include "format/delta_part.h"
#include "format/magic.h"

enum { NEW_SIZE_MAX = 100000 };

static void check_result(rd_result result, const rd_error *error) {
    if (result == RD_E_CHANGED)
        fuzz_require(error->result == result && error->reason && error->role == RD_ROLE_NEW);
    else if (result != RD_OK)
        fuzz_require_error(result, error);
}

static void check_digest_part(const rd_memory *record) {
    rd_error error;
    rd_part part = {0};
    rd__digest_part read;
    uint8_t again[RD__DIGEST_PART_MAX];
    uint8_t digest[RD_DIGEST_LEN];
    const rd_source source = fuzz_source(record);
    const rd_result result = rd_digest_part_inspect(&source, &part, &(rd_options){FUZZ_OPTIONS(&error)});
    check_result(result, &error);
    const bool whole = result == RD_OK && part.offset == 0 && part.last;
    const rd_result joined = rd_digest_join(&source, 1, digest, &(rd_options){FUZZ_OPTIONS(&error)});
    check_result(joined, &error);
    fuzz_require((joined == RD_OK) == whole);
    if (result != RD_OK)
        return;
    fuzz_require(part.offset <= INT64_MAX && part.length <= INT64_MAX - part.offset);
    fuzz_require(rd__digest_part_get(record->data, record->size, &read, &error) == RD_OK);
    const size_t size = rd__digest_part_put(&read, again);
    fuzz_require(fuzz_same_bytes(again, size, record->data, record->size));
}

/* A signature with the sums that the record claims, as far as there are few blocks. */
static rd_signature *claimed_signature(const rd__delta_part *part) {
    rd_memory bytes = fuzz_copy(NULL, 0);
    rd_signature *signature = NULL;
    const rd_sink sink = rd_sink_memory(&bytes);
    uint8_t entry[RD_WEAK_LEN + RD_STRONG_LEN_MAX] = {0};
    uint8_t head[RD__DELTA_PART_HEAD + RD__DELTA_PART_STATE_LEN];
    (void)rd__delta_part_put(part, head);
    fuzz_require(rd_sink_write(&sink, head + RD__PART_HEAD + 8, RD_SIGNATURE_HEADER_LEN, NULL) == RD_OK);
    for (uint64_t i = 0; i < part->signature.blocks; i++) {
        entry[0] = (uint8_t)i;
        fuzz_require(rd_sink_write(&sink, entry, RD_WEAK_LEN + (size_t)part->signature.params.strong_len, NULL) ==
                     RD_OK);
    }
    const rd_source source = fuzz_source(&bytes);
    fuzz_require(rd_signature_load(&signature, &source, NULL) == RD_OK);
    rd_memory_free(&bytes);
    return signature;
}

/* Joins the record, after it was given the identity of the signature that it is joined with. */
static void check_joined(rd_memory *record, const rd__delta_part *part) {
    enum { BLOCKS_MAX = 300, IDENTITY_AT = RD__DELTA_PART_HEAD - RD__DELTA_PART_IDENTITY };
    rd_error error;
    rd_memory delta = {0};
    if (part->new_size > NEW_SIZE_MAX || part->signature.blocks > BLOCKS_MAX || part->signature.origin > 0)
        return;
    rd_signature *const signature = part->signature.exists ? claimed_signature(part) : NULL;
    if (signature) {
        rd_memory bytes = {0};
        uint8_t sum[RD_DIGEST_LEN];
        const rd_sink sink = rd_sink_memory(&bytes);
        fuzz_require(rd_signature_write(signature, &sink, NULL) == RD_OK);
        const rd_source source = fuzz_source(&bytes);
        fuzz_require(rd_digest(&source, sum, NULL) == RD_OK);
        memcpy(record->data + IDENTITY_AT, sum, RD__DELTA_PART_IDENTITY);
        rd__part_check(record->data, record->size - RD__PART_CHECK, record->data + record->size - RD__PART_CHECK);
        rd_memory_free(&bytes);
    }
    rd_memory file = fuzz_copy(NULL, 0);
    file = (rd_memory){.data = fuzz_alloc((size_t)part->new_size), .size = (size_t)part->new_size};
    memset(file.data, 'x', file.size);
    const rd_source new_file = fuzz_source(&file);
    const rd_source source = fuzz_source(record);
    const rd_sink sink = rd_sink_memory(&delta);
    for (int verify = 0; verify < 2; verify++) {
        rd_stats stats = {.size = sizeof stats};
        const rd_result result =
            rd_delta_join(signature, &source, 1, &new_file, &sink,
                          &(rd_options){FUZZ_OPTIONS(&error), .stats = &stats,
                                        .verify = verify == 0 ? RD_VERIFY_NEVER : RD_VERIFY_DEFAULT});
        check_result(result, &error);
        if (result == RD_OK)
            fuzz_require(stats.literal_bytes + stats.copy_bytes == file.size);
    }
    rd_memory_free(&delta);
    rd_memory_free(&file);
    rd_signature_free(signature);
}

static void check_delta_part(rd_memory *record) {
    rd_error error;
    rd_part part = {0};
    rd__delta_part head;
    const rd_source source = fuzz_source(record);
    const rd_result result = rd_delta_part_inspect(&source, &part, &(rd_options){FUZZ_OPTIONS(&error)});
    check_result(result, &error);
    if (result != RD_OK)
        return;
    fuzz_require(rd__delta_part_get(record->data, &head, &error) == RD_OK);
    fuzz_require(part.offset == head.head.offset && part.length == head.head.length);
    fuzz_require(part.last == (part.offset + part.length == head.new_size));
    check_joined(record, &head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const bool right = fuzz_byte(&in) & 1;
    rd_memory record = fuzz_copy(in.data, in.size);
    if (right && record.size >= RD__PART_CHECK)
        rd__part_check(record.data, record.size - RD__PART_CHECK, record.data + record.size - RD__PART_CHECK);
    check_digest_part(&record);
    check_delta_part(&record);
    rd_memory_free(&record);
    return 0;
}
