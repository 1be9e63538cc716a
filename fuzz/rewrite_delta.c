/*
 * An untrusted delta, read op by op and written again. rd_ops must give what rd_delta_each_op gives, from memory and
 * from a pipe, whatever is read of the literals. If the delta is valid, rd_delta_writer makes a delta of the same file
 * from the same ops and literals; written once more, that delta does not change; and it depends neither on the chunks
 * of its input nor on who makes the digest.
 *
 * Input: the delta.
 */
#include "reference.h"

/* What is read of the literals: all, none, or the first bytes of each. */
typedef enum reading { READ_ALL, READ_NOTHING, READ_SOME, READINGS } reading;

/* All numbers of all ops (FNV-1a). */
typedef struct walk {
    uint64_t mix;
    uint64_t ops;
    uint64_t needed; /* bytes of the basis */
    rd_result result;
    rd_error error;
    rd_stats stats;
} walk;

static void walk_add(walk *w, const rd_op *op) {
    const uint64_t numbers[] = {op->kind, op->target_offset, op->length, op->basis_offset};
    for (size_t i = 0; i < 4; i++)
        w->mix = (w->mix ^ numbers[i]) * 0x100000001b3u;
    w->ops++;
    if (op->kind == RD_COPY && op->basis_offset + op->length > w->needed)
        w->needed = op->basis_offset + op->length;
}

static bool walk_tell(void *context, const rd_op *op) {
    walk_add(context, op);
    return true;
}

static void check_same(const walk *a, const walk *b) {
    fuzz_require(a->result == b->result && a->ops == b->ops && a->mix == b->mix && a->needed == b->needed);
    fuzz_require(a->stats.literal_bytes == b->stats.literal_bytes && a->stats.copy_bytes == b->stats.copy_bytes);
    fuzz_require(a->stats.has_digest == b->stats.has_digest &&
                 fuzz_same_bytes(a->stats.digest, RD_DIGEST_LEN, b->stats.digest, RD_DIGEST_LEN));
    if (a->result == RD_OK)
        return;
    fuzz_require(a->error.role == b->error.role && a->error.offset == b->error.offset);
    fuzz_require(strcmp(a->error.reason, b->error.reason) == 0);
}

/* Reads from a literal, and checks that its bytes are where the op says. */
static rd_result read_literal(rd_ops *ops, const rd_op *op, reading how, fuzz_pace *pace, const rd_memory *delta) {
    static uint8_t room[FUZZ_PORTION_MAX];
    uint64_t done = 0;
    size_t got = 1;
    while (how != READ_NOTHING && got > 0) {
        const size_t portion = fuzz_portion(pace);
        const uint64_t at = rd_ops_literal_offset(ops);
        uint8_t *const data = room + sizeof room - (portion > 0 ? portion : 1);
        fuzz_require((at == RD_UNKNOWN) == (done == op->length));
        const rd_result result = rd_ops_read(ops, data, portion > 0 ? portion : 1, &got);
        if (result != RD_OK)
            return result;
        done += got;
        fuzz_require(done <= op->length && (got > 0) == (at != RD_UNKNOWN));
        fuzz_require(got == 0 || (at + got <= delta->size && memcmp(data, delta->data + at, got) == 0));
        if (how == READ_SOME)
            break;
    }
    return RD_OK;
}

static walk walk_ops(const rd_source *source, rd_verify verify, reading how, fuzz_pace pace, const rd_memory *delta) {
    walk w = {.stats.size = sizeof w.stats};
    rd_ops *ops = NULL;
    rd_op op;
    fuzz_require(rd_ops_open(&ops, source, &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify}) == RD_OK);
    while ((w.result = rd_ops_next(ops, &op)) == RD_MORE) {
        walk_add(&w, &op);
        w.result = op.kind == RD_LITERAL ? read_literal(ops, &op, how, &pace, delta) : RD_OK;
        if (w.result != RD_OK)
            break;
    }
    fuzz_require(rd_ops_next(ops, &op) == RD_E_STATE);
    fuzz_require(rd_ops_stats(ops, &w.stats) == RD_OK);
    w.error = *rd_ops_error(ops);
    if (w.result != RD_OK)
        fuzz_require_error(w.result, &w.error);
    rd_ops_close(ops);
    return w;
}

static walk check_reading(const rd_memory *delta, rd_verify verify, fuzz_pace pace) {
    const rd_source whole = fuzz_source(delta);
    walk expected = {.stats.size = sizeof expected.stats};
    expected.result =
        rd_delta_each_op(&whole, walk_tell, &expected,
                         &(rd_options){FUZZ_OPTIONS(&expected.error), .stats = &expected.stats, .verify = verify});
    for (reading how = READ_ALL; how < READINGS; how++) {
        fuzz_reader reader = {.bytes = delta, .pace = pace, .in_order = true};
        const rd_source portions = fuzz_reader_source(&reader);
        const walk from_memory = walk_ops(&whole, verify, how, pace, delta);
        const walk from_pipe = walk_ops(&portions, verify, how, pace, delta);
        check_same(&from_memory, &expected);
        check_same(&from_pipe, &expected);
    }
    return expected;
}

/* Gives the writer the ops of a valid delta, whole or in chunks. */
static void give_ops(rd_delta_writer *writer, rd_ops *ops, fuzz_pace *pace) {
    static uint8_t data[FUZZ_PORTION_MAX];
    rd_op op;
    while (rd_ops_next(ops, &op) == RD_MORE) {
        for (uint64_t done = 0; op.kind == RD_COPY && done < op.length;) {
            /* At most a hundred calls for a copy, however long it is. */
            uint64_t size = pace ? op.length / 100 + fuzz_portion(pace) : op.length;
            size = size < op.length - done ? size : op.length - done;
            fuzz_require(rd_delta_writer_copy(writer, op.basis_offset + done, size) == RD_OK);
            done += size;
        }
        for (size_t got = op.kind == RD_LITERAL ? 1 : 0; got > 0;) {
            const size_t portion = pace ? fuzz_portion(pace) + 1 : sizeof data;
            fuzz_require(rd_ops_read(ops, data, fuzz_least(portion, sizeof data), &got) == RD_OK);
            fuzz_require(rd_delta_writer_literal(writer, data, got) == RD_OK);
        }
    }
}

static rd_memory rewritten(const rd_memory *delta, const rd_source *basis, rd_verify verify, const uint8_t *digest,
                           fuzz_pace *pace) {
    rd_memory made = {0};
    rd_ops *ops = NULL;
    rd_delta_writer *writer = NULL;
    rd_stats stats = {.size = sizeof stats};
    const rd_sink sink = rd_sink_memory(&made);
    const rd_source source = fuzz_source(delta);
    fuzz_require(rd_ops_open(&ops, &source, &(rd_options){FUZZ_OPTIONS(NULL), .verify = RD_VERIFY_NEVER}) == RD_OK);
    fuzz_require(rd_delta_writer_new(&writer, &sink, basis, &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify}) ==
                 RD_OK);
    give_ops(writer, ops, pace);
    fuzz_require(rd_delta_writer_finish(writer, digest) == RD_OK);
    fuzz_require(rd_delta_writer_stats(writer, &stats) == RD_OK);
    fuzz_require(stats.out_bytes == made.size && rd_stats_delta_size(&stats) == made.size);
    rd_delta_writer_free(writer);
    rd_ops_close(ops);
    return made;
}

static void check_writing(const rd_memory *delta, const walk *w, fuzz_pace *pace) {
    rd_memory whole = rewritten(delta, NULL, RD_VERIFY_NEVER, NULL, NULL);
    rd_memory portions = rewritten(delta, NULL, RD_VERIFY_DEFAULT, NULL, pace);
    rd_memory again = rewritten(&whole, NULL, RD_VERIFY_NEVER, NULL, pace);
    fuzz_require(fuzz_same(&portions, &whole) && fuzz_same(&again, &whole));

    /* The files that the old delta and the new one make, of a basis that is long enough. */
    enum { BASIS_MAX = 4096 };
    uint8_t bytes[BASIS_MAX];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    rd_memory basis = fuzz_copy(bytes, w->needed <= BASIS_MAX ? (size_t)w->needed : 0);
    fuzz_reference old_file = fuzz_reference_patch(&basis, delta);
    if (w->needed <= BASIS_MAX && old_file.verdict == FUZZ_DONE) {
        fuzz_reference new_file = fuzz_reference_patch(&basis, &whole);
        fuzz_require(new_file.verdict == FUZZ_DONE && fuzz_same(&old_file.made, &new_file.made));
        uint8_t digest[RD_DIGEST_LEN];
        const rd_source source = fuzz_source(&basis);
        const rd_source file = fuzz_source(&old_file.made);
        fuzz_require(rd_digest(&file, digest, &(rd_options){FUZZ_OPTIONS(NULL), .threads = 1}) == RD_OK);
        rd_memory by_writer = rewritten(delta, &source, RD_VERIFY_ALWAYS, NULL, pace);
        rd_memory by_caller = rewritten(delta, NULL, RD_VERIFY_ALWAYS, digest, pace);
        fuzz_require(fuzz_same(&by_writer, &by_caller));
        rd_memory made = {0};
        const rd_source commands = fuzz_source(&by_writer);
        const rd_sink sink = rd_sink_memory(&made);
        fuzz_require(rd_patch_apply(&source, &commands, &sink,
                                    &(rd_options){FUZZ_OPTIONS(NULL), .verify = RD_VERIFY_ALWAYS, .threads = 1}) ==
                     RD_OK);
        fuzz_require(fuzz_same(&made, &old_file.made));
        rd_memory_free(&made);
        rd_memory_free(&by_caller);
        rd_memory_free(&by_writer);
        rd_memory_free(&new_file.made);
    }
    rd_memory_free(&old_file.made);
    rd_memory_free(&basis);
    rd_memory_free(&again);
    rd_memory_free(&portions);
    rd_memory_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    fuzz_pace pace = fuzz_pace_from(&in);
    const rd_verify verify = fuzz_byte(&in) % 3;
    rd_memory delta = fuzz_file(in);
    const walk w = check_reading(&delta, RD_VERIFY_NEVER, pace);
    (void)check_reading(&delta, verify, pace);
    if (w.result == RD_OK)
        check_writing(&delta, &w, &pace);
    rd_memory_free(&delta);
    return 0;
}
