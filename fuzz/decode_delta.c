/*
 * An untrusted delta, decoded without a basis: rd_delta_each_op over memory and over a pipe that gives chunks, with and
 * without checking the trailer, must report the same ops, which agree with a second decoder; rd_delta_verify must agree
 * with itself for any threads and any source.
 *
 * Input: the delta, a file.
 */
#include "reference.h"

/* What was reported of the ops. */
typedef struct told {
    uint64_t ops;
    uint64_t size;   /* of the new file */
    uint64_t needed; /* of the basis */
    uint64_t mix;    /* of all numbers of all ops (FNV-1a) */
    uint64_t most;   /* ops after which to cancel */
    bool has_digest; /* the delta has a trailer */
} told;

static void mix(told *t, uint64_t value) {
    t->mix = (t->mix ^ value) * 0x100000001b3u;
}

static bool tell(void *context, const rd_op *op) {
    told *const t = context;
    fuzz_require(op->length > 0 && op->length <= INT64_MAX && op->target_offset == t->size);
    fuzz_require(op->length <= INT64_MAX - op->target_offset && op->basis_offset <= INT64_MAX - op->length);
    fuzz_require(op->kind == RD_COPY || (op->kind == RD_LITERAL && op->basis_offset == 0));
    t->ops++;
    t->size += op->length;
    if (op->kind == RD_COPY && op->basis_offset + op->length > t->needed)
        t->needed = op->basis_offset + op->length;
    mix(t, op->kind);
    mix(t, op->length);
    mix(t, op->basis_offset);
    return t->ops < t->most;
}

static rd_result walk(const rd_source *delta, rd_verify verify, uint64_t most, told *t) {
    rd_error error;
    rd_stats stats = {.size = sizeof(rd_stats)};
    *t = (told){.most = most};
    const rd_result result =
        rd_delta_each_op(delta, tell, t, &(rd_options){FUZZ_OPTIONS(&error), .stats = &stats, .verify = verify});
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    t->has_digest = stats.has_digest;
    fuzz_require(stats.literal_commands + stats.copy_commands == t->ops);
    fuzz_require(stats.literal_bytes + stats.copy_bytes == t->size);
    return result;
}

static void check_same(const told *a, const told *b) {
    fuzz_require(a->ops == b->ops && a->size == b->size && a->needed == b->needed && a->mix == b->mix);
}

static uint64_t big_endian(const uint8_t *p, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | p[i];
    return value;
}

/*
 * Are these bytes allowed after the END of a delta that makes `new_size` bytes of the first `needed` of the basis? They
 * may be empty, or one whole trailer of a kind that this version knows, for those sizes.
 */
static bool is_trailer(const uint8_t *p, size_t size, uint64_t new_size, uint64_t needed) {
    static const uint8_t magic[4] = {0x72, 0x73, 0x02, 0x56};
    static const uint8_t kind[8] = {2};
    if (size == 0)
        return true;
    if (size < 56 || memcmp(p, magic, sizeof magic) != 0 || memcmp(p + 16, kind, sizeof kind) != 0)
        return false;
    const uint64_t basis_size = size < 96 ? needed : big_endian(p + 56, 8);
    return big_endian(p + 4, 4) + 8 == size && big_endian(p + 8, 8) == new_size && basis_size >= needed &&
           basis_size <= INT64_MAX;
}

/* Against the second decoder, for deltas that need no large basis. */
static void check_reference(const rd_memory *delta, rd_result result, rd_result strict, const told *t) {
    enum { BASIS_MAX = 4096 };
    if (t->needed > BASIS_MAX)
        return;
    uint8_t zeros[BASIS_MAX] = {0};
    rd_memory basis = fuzz_copy(zeros, (size_t)t->needed);
    fuzz_reference r = fuzz_reference_patch(&basis, delta);
    if (r.verdict != FUZZ_TOO_LARGE) {
        /* The op that was refused is not among those reported, so the basis may be too short for it. */
        fuzz_require(result == RD_OK ? r.verdict == FUZZ_DONE
                                     : r.verdict == FUZZ_BROKEN || r.verdict == FUZZ_BASIS_ENDED);
        fuzz_require(result != RD_OK || (r.commands == t->ops && r.made.size == t->size));
        const uint8_t *const end = r.end > 0 ? delta->data + r.end : NULL;
        fuzz_require(result != RD_OK || (strict == RD_OK) == is_trailer(end, delta->size - r.end, t->size, t->needed));
    }
    rd_memory_free(&r.made);
    rd_memory_free(&basis);
}

static void check_verify(const rd_memory *delta, const rd_memory *file, const fuzz_pace *pace) {
    rd_error error;
    rd_options options = {FUZZ_OPTIONS(&error), .threads = 1};
    fuzz_reader delta_reader = {.bytes = delta, .pace = *pace, .in_order = true};
    fuzz_reader file_reader = {.bytes = file, .pace = *pace, .in_order = true};
    const rd_source commands = fuzz_source(delta);
    const rd_source bytes = fuzz_source(file);
    const rd_source slow_commands = fuzz_reader_source(&delta_reader);
    const rd_source slow_bytes = fuzz_reader_source(&file_reader);
    const rd_result result = rd_delta_verify(&commands, &bytes, &options);
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    options.threads = 2;
    fuzz_require(rd_delta_verify(&slow_commands, &slow_bytes, &options) == result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const uint64_t most = fuzz_byte(&in);
    const fuzz_pace pace = fuzz_pace_from(&in);
    rd_memory delta = fuzz_file(fuzz_part(&in));
    rd_memory file = fuzz_file(in);
    fuzz_reader reader = {.bytes = &delta, .pace = pace, .in_order = true};
    const rd_source whole = fuzz_source(&delta);
    fuzz_reader reader_again = reader;
    const rd_source portions = fuzz_reader_source(&reader);
    const rd_source portions_again = fuzz_reader_source(&reader_again);
    told plain;
    told other;
    const rd_result result = walk(&whole, RD_VERIFY_NEVER, UINT64_MAX, &plain);
    fuzz_require(walk(&portions, RD_VERIFY_NEVER, UINT64_MAX, &other) == result);
    check_same(&plain, &other);
    const rd_result strict = walk(&whole, RD_VERIFY_DEFAULT, UINT64_MAX, &other);
    fuzz_require(result == RD_OK || strict == result);
    check_same(&plain, &other);
    check_reference(&delta, result, strict, &plain);
    const rd_result always = strict == RD_OK && !other.has_digest ? RD_E_UNVERIFIED : strict;
    const rd_result cut = walk(&portions_again, RD_VERIFY_ALWAYS, most, &other);
    fuzz_require(cut == (other.ops >= most && other.ops > 0 ? RD_E_CANCELLED : always));
    check_verify(&delta, &file, &pace);
    rd_memory_free(&file);
    rd_memory_free(&delta);
    return 0;
}
