/*
 * The dense writer gets any ops, not only those that a matcher finds: copies from anywhere, of any length, next to each
 * other or not, and literals. The delta makes the file that the ops make, as it is and in librsync's form; its bytes do
 * not depend on threads.
 *
 * Input: the old file, then a script of ops: a code of 0x80 or more is a literal of so many bytes less 0x7f, which
 * follow; another one a copy, of that length and from an offset in two bytes, or, for 0, of a length in two more.
 */
#include "operations.h"

#include "file/dense_writer.h"

enum { OPS_MAX = 2000 };

typedef struct script {
    rd_memory old_file;
    rd_memory new_file;
    rd_op ops[OPS_MAX]; /* of a literal, the offset is in the new file */
    size_t count;
} script;

static void script_read(script *s, fuzz_input *in) {
    s->old_file = fuzz_old_file(in);
    while (in->size > 0 && s->count < OPS_MAX && s->new_file.size < FUZZ_FILE_MAX) {
        const uint8_t code = *fuzz_take(in, 1).data;
        rd_op op = {.kind = RD_LITERAL, .target_offset = s->new_file.size};
        if (code >= 0x80) {
            const fuzz_input bytes = fuzz_take(in, code - 0x7fu);
            fuzz_append(&s->new_file, bytes.data, bytes.size);
        } else if (s->old_file.size > 0) {
            const fuzz_input place = fuzz_take(in, code == 0 ? 4 : 2);
            const size_t number = place.size < 2 ? 0 : (size_t)place.data[0] << 8 | place.data[1];
            const size_t length = place.size < 4 ? code : (size_t)place.data[2] << 8 | place.data[3];
            op.kind = RD_COPY;
            op.basis_offset = number % s->old_file.size;
            fuzz_append(&s->new_file, s->old_file.data + op.basis_offset,
                        fuzz_least(length, s->old_file.size - (size_t)op.basis_offset));
        }
        op.length = s->new_file.size - op.target_offset;
        if (op.length > 0)
            s->ops[s->count++] = op;
    }
}

static void digest_of(const rd_memory *file, uint8_t digest[RD_DIGEST_LEN]) {
    const rd_source source = fuzz_source(file);
    fuzz_require(rd_digest(&source, digest, NULL) == RD_OK);
}

static rd_memory dense(const script *s, unsigned threads, int level) {
    rd_memory made = {0};
    const rd_source old_file = fuzz_source(&s->old_file);
    const rd_sink sink = rd_sink_memory(&made);
    uint8_t digests[2][RD_DIGEST_LEN];
    rd__operation operation;
    rd__dense_writer writer;
    rd_options options = {FUZZ_OPTIONS(NULL), .threads = threads};
    options.compression = level;
    digest_of(&s->old_file, digests[0]);
    digest_of(&s->new_file, digests[1]);
    fuzz_require(rd__operation_start(&operation, &options, RD_UNKNOWN) == RD_OK);
    fuzz_require(rd__dense_writer_open(&writer, &sink, &operation, &old_file, digests[0]) == RD_OK);
    for (size_t i = 0; i < s->count; i++) {
        const rd_op *const op = &s->ops[i];
        const rd_result result =
            op->kind == RD_COPY
                ? rd__dense_writer_copy(&writer, op)
                : rd__dense_writer_literal(&writer, s->new_file.data + op->target_offset, (size_t)op->length);
        fuzz_require(result == RD_OK);
    }
    fuzz_require(rd__dense_writer_finish(&writer, digests[1]) == RD_OK);
    rd__dense_writer_close(&writer);
    fuzz_require(rd__operation_end(&operation, RD_OK) == RD_OK);
    return made;
}

static void check_patch(const script *s, const rd_memory *delta) {
    rd_memory made = {0};
    const rd_source basis = fuzz_source(&s->old_file);
    const rd_source source = fuzz_source(delta);
    const rd_sink sink = rd_sink_memory(&made);
    fuzz_require(rd_patch_apply(&basis, &source, &sink, NULL) == RD_OK);
    fuzz_require(fuzz_same(&made, &s->new_file));
    rd_memory_free(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const int level = 1 + fuzz_byte(&in) % 6;
    script *const s = fuzz_alloc(sizeof *s);
    *s = (script){0};
    script_read(s, &in);
    rd_memory delta = dense(s, 1, level);
    rd_memory again = dense(s, 3, level);
    rd_memory plain = {0};
    fuzz_require(fuzz_same(&delta, &again));
    check_patch(s, &delta);
    const rd_source basis = fuzz_source(&s->old_file);
    const rd_source source = fuzz_source(&delta);
    const rd_sink sink = rd_sink_memory(&plain);
    fuzz_require(rd_delta_expand(&basis, &source, &sink, NULL) == RD_OK);
    check_patch(s, &plain);
    rd_memory_free(&plain);
    rd_memory_free(&again);
    rd_memory_free(&delta);
    rd_memory_free(&s->new_file);
    rd_memory_free(&s->old_file);
    free(s);
    return 0;
}
