/*
 * Verified patches: whatever is wrong with basis or delta, a patch either gives the new file or fails, and the failure
 * names the faulty file as far as it is known. Whole operations and streams must give the same results.
 */
#include "support.h"

/*
 * How a patch is made: from memory, from a delta that comes in order, or by a stream; each with a number of threads or
 * a chunk size.
 */
typedef enum way { OF_MEMORY, IN_ORDER, BY_STREAM, WAYS } way;

typedef struct outcome {
    rd_result result;
    rd_error error;
    rd_stats stats;
    rd_memory made;
} outcome;

static outcome stream_patch(const rd_memory *basis, const rd_memory *delta, rd_verify verify, size_t portion) {
    outcome o = {.result = RD_MORE, .stats.size = sizeof(rd_stats)};
    const rd_source source = bytes_source(basis);
    rd_stream *stream = NULL;
    assert_int_equal(rd_patch_stream_new(&stream, &source, &(rd_options){OPTIONS, .verify = verify}), RD_OK);
    const rd_sink sink = rd_sink_memory(&o.made);
    for (size_t at = 0; o.result == RD_MORE;) {
        uint8_t room[3000];
        const size_t size = portion < delta->size - at ? portion : delta->size - at;
        rd_in in = {.data = delta->data + at, .size = size};
        rd_out out = {.data = room, .size = sizeof room};
        o.result = rd_stream_step(stream, &in, &out, at + size == delta->size);
        at += in.pos;
        assert_int_equal(sink.write(sink.context, room, out.pos), RD_OK);
    }
    o.error = *rd_stream_error(stream);
    o.stats = stats_of(stream);
    rd_stream_free(stream);
    return o;
}

static outcome patch(const rd_memory *basis, const rd_memory *delta, rd_verify verify, way by, unsigned threads) {
    if (by == BY_STREAM)
        return stream_patch(basis, delta, verify, 1 + 300 * (size_t)threads);
    outcome o = {.result = RD_OK, .stats.size = sizeof(rd_stats)};
    in_order r = {.bytes = delta};
    const rd_source source = bytes_source(basis);
    const rd_source commands = by == IN_ORDER ? in_order_source(&r) : bytes_source(delta);
    const rd_sink sink = rd_sink_memory(&o.made);
    const rd_options options = {OPTIONS, .error = &o.error, .stats = &o.stats, .threads = threads, .verify = verify};
    o.result = rd_patch_apply(&source, &commands, &sink, &options);
    return o;
}

/* All ways give this result, and blame the file in this role. */
static void check_all(const rd_memory *basis, const rd_memory *delta, rd_verify verify, rd_result result, rd_role role,
                      const char *name) {
    for (way by = 0; by < WAYS; by++) {
        for (unsigned threads = 1; threads <= 3; threads++) {
            outcome o = patch(basis, delta, verify, by, threads);
            check_equal(o.result, result, "%s, way %d, threads %u", name, by, threads);
            if (result != RD_OK) {
                check_equal(o.error.role, role, "%s, way %d, threads %u", name, by, threads);
                check_true(o.error.reason && o.error.result == result, "%s, way %d", name, by);
            }
            rd_memory_free(&o.made);
        }
    }
}

enum { BASIS_MORE = RD_TRAILER_BASIS_LEN - RD_TRAILER_LEN };

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory delta;
} material;

static material material_new(uint64_t seed, size_t size) {
    random_source r = random_from(seed);
    material m = {.basis = bytes_random(&r, size, 256)};
    m.new_file = bytes_edited(&r, &m.basis, size + size / 10, 256);
    rd_signature *const signature = loaded_signature_of(&m.basis, (rd_params){.block_len = 64, .strong_len = 8});
    m.delta = delta_of(signature, &m.new_file, NULL);
    rd_signature_free(signature);
    return m;
}

static void material_free(material *m) {
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->delta);
}

/* The digest is in the last bytes of the delta; making, applying and checking one report it, unless it is off. */
static void the_digest_is_that_of_the_trailer(void **state) {
    (void)state;
    material m = material_new(3, 300000);
    const uint8_t *const digest = m.delta.data + m.delta.size - RD_DIGEST_LEN;
    const rd_source delta = bytes_source(&m.delta);
    const rd_source new_file = bytes_source(&m.new_file);
    rd_stats stats = {.size = sizeof(rd_stats)};
    const rd_options options = {OPTIONS, .stats = &stats};
    assert_int_equal(rd_delta_verify(&delta, &new_file, &options), RD_OK);
    assert_true(stats.has_digest);
    assert_memory_equal(stats.digest, digest, RD_DIGEST_LEN);
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_delta_make(NULL, &new_file, &sink, &options), RD_OK);
    assert_true(stats.has_digest);
    assert_memory_equal(stats.digest, digest, RD_DIGEST_LEN);
    for (way by = 0; by < WAYS; by++) {
        for (rd_verify verify = RD_VERIFY_DEFAULT; verify <= RD_VERIFY_ALWAYS; verify++) {
            outcome o = patch(&m.basis, &m.delta, verify, by, 2);
            assert_int_equal(o.result, RD_OK);
            check_equal(o.stats.has_digest, verify != RD_VERIFY_NEVER, "way %d, verify %d", by, verify);
            if (o.stats.has_digest)
                assert_memory_equal(o.stats.digest, digest, RD_DIGEST_LEN);
            rd_memory_free(&o.made);
        }
    }
    rd_memory_free(&made);
    material_free(&m);
}

static bool go_on(void *context, const rd_op *op) {
    (void)context, (void)op;
    return true;
}

static void digest_and_length_of_the_trailer_are_looked_at_with_the_ops(void **state) {
    (void)state;
    material m = material_new(4, 5000);
    const rd_source delta = bytes_source(&m.delta);
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_error error = {.result = RD_OK};
    const rd_options options = {OPTIONS, .stats = &stats, .error = &error};
    const rd_options never = {OPTIONS, .stats = &stats, .verify = RD_VERIFY_NEVER};
    assert_int_equal(rd_delta_each_op(&delta, go_on, NULL, &options), RD_OK);
    assert_true(stats.has_digest);
    assert_memory_equal(stats.digest, m.delta.data + m.delta.size - RD_DIGEST_LEN, RD_DIGEST_LEN);
    m.delta.data[m.delta.size - TRAILER + 15] ^= 1; /* of the length */
    assert_int_equal(rd_delta_each_op(&delta, go_on, NULL, &options), RD_E_MISMATCH);
    assert_int_equal(error.role, RD_ROLE_DELTA);
    assert_false(stats.has_digest);
    assert_int_equal(rd_delta_each_op(&delta, go_on, NULL, &never), RD_OK);
    assert_false(stats.has_digest);
    material_free(&m);
}

static void right_basis_and_delta_give_the_new_file(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 65536, 1048576, 1048577, 3000000};
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        material m = material_new(i, sizes[i]);
        for (way by = 0; by < WAYS; by++) {
            for (unsigned threads = 1; threads <= 7; threads += 3) {
                outcome o = patch(&m.basis, &m.delta, RD_VERIFY_ALWAYS, by, threads);
                check_equal(o.result, RD_OK, "size %zu way %d threads %u", sizes[i], by, threads);
                check_memory(o.made, m.new_file, "size %zu way %d threads %u", sizes[i], by, threads);
                rd_memory_free(&o.made);
            }
        }
        material_free(&m);
    }
}

static void wrong_basis_is_told(void **state) {
    (void)state;
    material m = material_new(1, 100000);
    rd_memory other = bytes_random(&(random_source){9}, m.basis.size, 256);
    rd_memory shorter = bytes_copy(m.basis.data, m.basis.size / 2);
    rd_memory nothing = {0};
    check_all(&other, &m.delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_BASIS, "another basis");
    check_all(&other, &m.delta, RD_VERIFY_NEVER, RD_OK, RD_ROLE_NONE, "another basis, not verified");
    check_all(&shorter, &m.delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_BASIS, "half the basis");
    check_all(&shorter, &m.delta, RD_VERIFY_NEVER, RD_E_TRUNCATED, RD_ROLE_BASIS, "half the basis, not verified");
    check_all(&nothing, &m.delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_BASIS, "no basis");
    rd_memory_free(&other);
    rd_memory_free(&shorter);
    material_free(&m);
}

static void one_wrong_bit_of_the_basis_is_told(void **state) {
    (void)state;
    material m = material_new(2, 200000);
    random_source r = random_from(3);
    rd_memory copied = bytes_copy(m.basis.data, m.basis.size);
    for (int run = 0; run < 200; run++) {
        const size_t at = random_below(&r, copied.size);
        copied.data[at] ^= (uint8_t)(1u << random_below(&r, 8));
        outcome o = patch(&copied, &m.delta, RD_VERIFY_DEFAULT, (way)(run % WAYS), 2);
        const bool used = o.made.size != m.new_file.size || memcmp(o.made.data, m.new_file.data, o.made.size) != 0;
        check_equal(o.result, used ? RD_E_MISMATCH : RD_OK, "byte %zu", at);
        rd_memory_free(&o.made);
        copied.data[at] = m.basis.data[at];
    }
    rd_memory_free(&copied);
    material_free(&m);
}

static void altered_literal_without_copies_is_blamed_on_the_delta(void **state) {
    (void)state;
    rd_memory new_file = bytes_random(&(random_source){4}, 5000, 256);
    rd_memory nothing = {0};
    rd_memory delta = delta_of(NULL, &new_file, NULL);
    delta.data[100] ^= 1;
    check_all(&nothing, &delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_DELTA, "an altered literal");
    rd_memory_free(&delta);
    rd_memory_free(&new_file);
}

/* Of a delta with another length in it: what is made is not as long as the trailer says. */
static void altered_length_is_blamed_on_the_delta(void **state) {
    (void)state;
    rd_memory basis = bytes_random(&(random_source){5}, 1000, 256);
    rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = 100});
    rd_memory delta = delta_of(signature, &basis, NULL);
    assert_int_equal(delta.size, 4 + 4 + 1 + TRAILER); /* one copy of 1000 bytes */
    delta.data[7] ^= 8; /* shorter: a longer one would need more of the basis than there is */
    check_all(&basis, &delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_DELTA, "an altered length");
    rd_memory_free(&delta);
    rd_signature_free(signature);
    rd_memory_free(&basis);
}

/* Every bit of a delta, flipped: the patch fails, or gives the new file all the same. */
static void no_flipped_bit_of_a_delta_goes_unnoticed(void **state) {
    (void)state;
    material m = material_new(6, 400);
    for (size_t bit = 0; bit < 8 * m.delta.size; bit++) {
        m.delta.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        for (way by = 0; by < WAYS; by++) {
            outcome o = patch(&m.basis, &m.delta, RD_VERIFY_ALWAYS, by, 1 + (unsigned)(bit % 2));
            if (o.result == RD_OK)
                check_memory(o.made, m.new_file, "bit %zu way %d", bit, by);
            rd_memory_free(&o.made);
        }
        m.delta.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    material_free(&m);
}

static void delta_without_a_trailer_is_unverified(void **state) {
    (void)state;
    material m = material_new(7, 5000);
    rd_memory bare = bytes_copy(m.delta.data, m.delta.size - TRAILER);
    check_all(&m.basis, &bare, RD_VERIFY_ALWAYS, RD_E_UNVERIFIED, RD_ROLE_DELTA, "no trailer");
    check_all(&m.basis, &bare, RD_VERIFY_DEFAULT, RD_OK, RD_ROLE_NONE, "no trailer, none due");
    check_all(&m.basis, &m.delta, RD_VERIFY_NEVER, RD_OK, RD_ROLE_NONE, "a trailer that is not looked at");
    rd_memory_free(&bare);
    material_free(&m);
}

/* Writes what a trailer says of its basis. */
static void write_basis(uint8_t bytes[BASIS_MORE], const rd_memory *basis) {
    const rd_source source = bytes_source(basis);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)basis->size >> (56 - 8 * i));
    assert_int_equal(rd_digest(&source, bytes + 8, NULL), RD_OK);
}

/* The delta with its trailer longer by `more` bytes, at least those about the basis, as that of a later version may be.
 */
static rd_memory with_longer_trailer(const rd_memory *delta, const rd_memory *basis, size_t more) {
    const size_t trailer = delta->size - TRAILER;
    rd_memory longer = {.data = bytes_new(delta->size + more), .size = delta->size + more};
    memcpy(longer.data, delta->data, delta->size);
    random_fill(&(random_source){more}, longer.data + delta->size, more, 256);
    write_basis(longer.data + delta->size, basis);
    for (int i = 0; i < 4; i++)
        longer.data[trailer + 4 + (size_t)i] = (uint8_t)((TRAILER - 8 + more) >> (24 - 8 * i));
    return longer;
}

/* It is looked for in the last 4 KiB of a delta that can be seeked in; who reads it in order sees one of any length. */
static void trailer_that_is_too_long_to_be_found_is_not_passed_over(void **state) {
    (void)state;
    material m = material_new(11, 5000);
    rd_memory found = with_longer_trailer(&m.delta, &m.basis, 4096 - TRAILER);
    rd_memory missed = with_longer_trailer(&m.delta, &m.basis, 4096 - TRAILER + 1);
    check_all(&m.basis, &found, RD_VERIFY_DEFAULT, RD_OK, RD_ROLE_NONE, "a trailer of 4096 bytes");
    check_all(&m.basis, &missed, RD_VERIFY_ALWAYS, RD_OK, RD_ROLE_NONE, "a trailer of 4097 bytes, always verified");
    check_all(&m.basis, &missed, RD_VERIFY_NEVER, RD_OK, RD_ROLE_NONE, "a trailer of 4097 bytes, never verified");
    for (way by = 0; by < WAYS; by++) {
        outcome o = patch(&m.basis, &missed, RD_VERIFY_DEFAULT, by, 2);
        check_equal(o.result, by == OF_MEMORY ? RD_E_UNVERIFIED : RD_OK, "way %d", by);
        if (by == OF_MEMORY) {
            check_equal(o.error.role, RD_ROLE_DELTA, "way %d", by);
            check_equal(o.error.offset, m.delta.size - TRAILER, "way %d", by);
            assert_string_equal(o.error.reason, "the delta's trailer is longer than this version expects");
        } else {
            check_memory(o.made, m.new_file, "way %d", by);
        }
        rd_memory_free(&o.made);
    }
    rd_memory_free(&found);
    rd_memory_free(&missed);
    material_free(&m);
}

/* ---- Trailers that know the basis -------------------------------------------------------------------------------- */

static material material_knowing_its_basis(uint64_t seed, size_t size) {
    material m = material_new(seed, size);
    rd_memory longer = with_longer_trailer(&m.delta, &m.basis, BASIS_MORE);
    rd_memory_free(&m.delta);
    m.delta = longer;
    return m;
}

static void basis_of_the_trailer_is_reported(void **state) {
    (void)state;
    material m = material_knowing_its_basis(20, 70000);
    const rd_source delta = bytes_source(&m.delta);
    const rd_source new_file = bytes_source(&m.new_file);
    for (int by = 0; by < WAYS + 2; by++) {
        rd_stats stats = {.size = sizeof(rd_stats)};
        const rd_options options = {OPTIONS, .stats = &stats};
        if (by < WAYS) {
            outcome o = patch(&m.basis, &m.delta, RD_VERIFY_DEFAULT, (way)by, 2);
            check_equal(o.result, RD_OK, "way %d", by);
            check_memory(o.made, m.new_file, "way %d", by);
            stats = o.stats;
            rd_memory_free(&o.made);
        } else if (by == WAYS) {
            assert_int_equal(rd_delta_verify(&delta, &new_file, &options), RD_OK);
        } else {
            assert_int_equal(rd_delta_each_op(&delta, go_on, NULL, &options), RD_OK);
            check_equal(rd_stats_delta_size(&stats), m.delta.size, "way %d", by);
        }
        check_true(stats.has_digest && stats.has_basis_digest, "way %d", by);
        check_equal(stats.basis_size, m.basis.size, "way %d", by);
        assert_memory_equal(stats.basis_digest, m.delta.data + m.delta.size - RD_DIGEST_LEN, RD_DIGEST_LEN);
    }
    material_free(&m);
}

/* A basis whose size nobody knows. */
typedef struct at_any_offset {
    const rd_memory *bytes;
} at_any_offset;

static rd_result read_at_any_offset(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_memory *const bytes = ((const at_any_offset *)context)->bytes;
    const size_t left = offset < bytes->size ? bytes->size - (size_t)offset : 0;
    *got = size < left ? size : left;
    if (*got > 0)
        memcpy(data, bytes->data + offset, *got);
    return RD_OK;
}

static rd_result write_nothing(void *context, const void *data, size_t size) {
    (void)data;
    *(uint64_t *)context += size;
    return RD_OK;
}

/* Even where the bytes that are copied are all there, and where the size is not known beforehand. */
static void basis_of_another_length_is_told_before_anything_is_written(void **state) {
    (void)state;
    material m = material_knowing_its_basis(21, 100000);
    rd_memory longer = bytes_random(&(random_source){1}, m.basis.size + 1, 256);
    memcpy(longer.data, m.basis.data, m.basis.size);
    rd_memory shorter = bytes_copy(m.basis.data, m.basis.size - 1);
    rd_memory nothing = {0};
    const rd_memory *const others[] = {&longer, &shorter, &nothing};
    for (size_t i = 0; i < ITEMS(others); i++) {
        check_all(others[i], &m.delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_BASIS, "another length");
        for (int known = 0; known < 2; known++) {
            uint64_t written = 0;
            rd_error error = {.result = RD_OK};
            at_any_offset from = {.bytes = others[i]};
            const rd_source basis =
                known ? bytes_source(others[i]) : rd_source_callback(read_at_any_offset, &from, 0, RD_SEEKABLE);
            const rd_source delta = bytes_source(&m.delta);
            const rd_sink sink = rd_sink_callback(write_nothing, &written);
            assert_int_equal(rd_patch_apply(&basis, &delta, &sink, &(rd_options){OPTIONS, .error = &error}),
                             RD_E_MISMATCH);
            assert_string_equal(error.reason, "this is not the basis of the delta: its length differs");
            check_equal(written, 0, "other %zu, size known: %d", i, known);
        }
    }
    check_all(&longer, &m.delta, RD_VERIFY_NEVER, RD_OK, RD_ROLE_NONE, "another length, not verified");
    rd_memory_free(&shorter);
    rd_memory_free(&longer);
    material_free(&m);
}

/* A literal at the end of a delta without a trailer ends with what looks like one, up to the byte of END. */
static void literal_that_looks_like_a_trailer_says_nothing_of_the_basis(void **state) {
    (void)state;
    rd_memory basis = bytes_random(&(random_source){2}, 10, 256);
    rd_memory delta = {0};
    uint8_t command[2] = {0x41, RD_TRAILER_BASIS_LEN - 1};
    uint8_t lookalike[RD_TRAILER_BASIS_LEN] = {0x72, 0x73, 0x02, 0x56, 0, 0, 0, 88, [16] = 2, [60] = 77};
    const rd_sink sink = rd_sink_memory(&delta);
    assert_int_equal(rd_sink_write(&sink, "\x72\x73\x02\x36", 4, NULL), RD_OK);
    assert_int_equal(rd_sink_write(&sink, command, sizeof command, NULL), RD_OK);
    assert_int_equal(rd_sink_write(&sink, lookalike, sizeof lookalike, NULL), RD_OK);
    check_all(&basis, &delta, RD_VERIFY_DEFAULT, RD_OK, RD_ROLE_NONE, "a literal like a trailer");
    rd_memory_free(&delta);
    rd_memory_free(&basis);
}

static void wrong_basis_is_told_from_an_altered_delta(void **state) {
    (void)state;
    material m = material_knowing_its_basis(22, 300000);
    rd_memory other = bytes_random(&(random_source){3}, m.basis.size, 256);
    check_all(&other, &m.delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_BASIS, "another basis");
    for (way by = 0; by < WAYS; by++) {
        outcome o = patch(&other, &m.delta, RD_VERIFY_DEFAULT, by, 2);
        assert_string_equal(o.error.reason, "this is not the basis of the delta: its contents differ");
        rd_memory_free(&o.made);
    }
    m.delta.data[m.delta.size - RD_TRAILER_BASIS_LEN + 30] ^= 1; /* of the digest of the new file */
    check_all(&m.basis, &m.delta, RD_VERIFY_DEFAULT, RD_E_MISMATCH, RD_ROLE_DELTA, "an altered delta");
    for (way by = 0; by < WAYS; by++) {
        outcome o = patch(&m.basis, &m.delta, RD_VERIFY_DEFAULT, by, 2);
        assert_string_equal(o.error.reason,
                            "the delta was altered: from its basis, it makes another file than its trailer is about");
        assert_false(o.stats.has_digest || o.stats.has_basis_digest);
        rd_memory_free(&o.made);
    }
    rd_memory_free(&other);
    material_free(&m);
}

/* Every bit of such a delta, flipped: only in the digest of the basis, which nobody needs then, is it no failure. */
static void no_flipped_bit_of_such_a_delta_goes_unnoticed(void **state) {
    (void)state;
    material m = material_knowing_its_basis(23, 300);
    for (size_t bit = 0; bit < 8 * m.delta.size; bit++) {
        m.delta.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        for (way by = 0; by < WAYS; by++) {
            outcome o = patch(&m.basis, &m.delta, RD_VERIFY_ALWAYS, by, 1);
            const bool of_basis = bit / 8 >= m.delta.size - RD_DIGEST_LEN;
            check_true(!of_basis || o.result == RD_OK, "bit %zu way %d", bit, by);
            if (o.result == RD_OK)
                check_memory(o.made, m.new_file, "bit %zu way %d", bit, by);
            rd_memory_free(&o.made);
        }
        m.delta.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    material_free(&m);
}

static void delta_has_a_trailer_unless_that_is_not_wanted(void **state) {
    (void)state;
    material m = material_new(8, 5000);
    for (int i = 0; i < 3; i++) {
        const rd_source source = bytes_source(&m.new_file);
        rd_memory made = {0};
        const rd_sink sink = rd_sink_memory(&made);
        const rd_options options = {OPTIONS, .verify = (rd_verify)i};
        assert_int_equal(rd_delta_make(NULL, &source, &sink, &options), RD_OK);
        const uint8_t magic[4] = {0x72, 0x73, 0x02, 0x56};
        const bool has = made.size > TRAILER && memcmp(made.data + made.size - TRAILER, magic, sizeof magic) == 0;
        check_equal(has, options.verify != RD_VERIFY_NEVER, "verify %d", i);
        rd_memory_free(&made);
    }
    material_free(&m);
}

/* ---- Verifying a file without a basis ---------------------------------------------------------------------------- */

static rd_result verify_file(const rd_memory *delta, const rd_memory *file, int kind, unsigned threads,
                             rd_error *error) {
    in_order of_delta = {.bytes = delta};
    in_order of_file = {.bytes = file};
    const rd_source commands = kind % 2 ? in_order_source(&of_delta) : bytes_source(delta);
    const rd_source bytes = kind / 2 ? in_order_source(&of_file) : bytes_source(file);
    const rd_options options = {OPTIONS, .error = error, .threads = threads};
    return rd_delta_verify(&commands, &bytes, &options);
}

static void check_file(const rd_memory *delta, const rd_memory *file, rd_result result, rd_role role,
                       const char *name) {
    for (int kind = 0; kind < 4; kind++) {
        for (unsigned threads = 1; threads <= 3; threads++) {
            rd_error error = {.result = RD_OK};
            check_equal(verify_file(delta, file, kind, threads, &error), result, "%s, kind %d threads %u, size %zu",
                        name, kind, threads, file->size);
            check_true(result == RD_OK || error.role == role, "%s: role %d", name, error.role);
        }
    }
}

static void file_is_verified_by_the_delta_alone(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 65536, 1048575, 1048576, 1048577, 1114112, 2097152, 2200000};
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        rd_memory file = bytes_random(&(random_source){i}, sizes[i], 256);
        rd_memory delta = delta_of(NULL, &file, NULL);
        check_file(&delta, &file, RD_OK, RD_ROLE_NONE, "the file");
        rd_memory bare = bytes_copy(delta.data, delta.size - TRAILER);
        check_file(&bare, &file, RD_E_UNVERIFIED, RD_ROLE_DELTA, "no trailer");
        bare.size--;
        check_file(&bare, &file, RD_E_TRUNCATED, RD_ROLE_DELTA, "no END");
        if (file.size > 0) {
            file.data[file.size / 2] ^= 1;
            check_file(&delta, &file, RD_E_MISMATCH, RD_ROLE_NEW, "another file");
            file.size--;
            check_file(&delta, &file, RD_E_MISMATCH, RD_ROLE_NEW, "a shorter file");
        }
        rd_memory_free(&bare);
        rd_memory_free(&delta);
        rd_memory_free(&file);
    }
}

static void altered_delta_is_told_when_a_file_is_verified(void **state) {
    (void)state;
    rd_memory file = bytes_random(&(random_source){1}, 300, 256);
    rd_memory delta = delta_of(NULL, &file, NULL);
    for (size_t at = 0; at < delta.size; at++) {
        rd_error error = {.result = RD_OK};
        const bool literal = at >= 4 + 3 && at < 4 + 3 + 300; /* not looked at: the trailer is about the file */
        delta.data[at] ^= 0x41;
        const rd_result result = verify_file(&delta, &file, (int)at % 4, 1, &error);
        check_true((result == RD_OK) == literal, "byte %zu: %d", at, result);
        delta.data[at] ^= 0x41;
    }
    rd_memory_free(&delta);
    rd_memory_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_that_of_the_trailer),
        cmocka_unit_test(digest_and_length_of_the_trailer_are_looked_at_with_the_ops),
        cmocka_unit_test(right_basis_and_delta_give_the_new_file),
        cmocka_unit_test(wrong_basis_is_told),
        cmocka_unit_test(one_wrong_bit_of_the_basis_is_told),
        cmocka_unit_test(altered_literal_without_copies_is_blamed_on_the_delta),
        cmocka_unit_test(altered_length_is_blamed_on_the_delta),
        cmocka_unit_test(no_flipped_bit_of_a_delta_goes_unnoticed),
        cmocka_unit_test(delta_without_a_trailer_is_unverified),
        cmocka_unit_test(trailer_that_is_too_long_to_be_found_is_not_passed_over),
        cmocka_unit_test(basis_of_the_trailer_is_reported),
        cmocka_unit_test(basis_of_another_length_is_told_before_anything_is_written),
        cmocka_unit_test(literal_that_looks_like_a_trailer_says_nothing_of_the_basis),
        cmocka_unit_test(wrong_basis_is_told_from_an_altered_delta),
        cmocka_unit_test(no_flipped_bit_of_such_a_delta_goes_unnoticed),
        cmocka_unit_test(delta_has_a_trailer_unless_that_is_not_wanted),
        cmocka_unit_test(file_is_verified_by_the_delta_alone),
        cmocka_unit_test(altered_delta_is_told_when_a_file_is_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
