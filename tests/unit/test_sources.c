/*
 * Sources and sinks by themselves: ranges, reading and writing at offsets, and functions of the caller that several
 * threads may call. And the digest of a source, against another implementation's.
 */
#define _GNU_SOURCE
#include "chunks.h"
#include "known_digests.h"

#include "io/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Ranges ------------------------------------------------------------------------------------------------------ */

/* Where in the bytes a random range of a range starts, and how long it is, by the plain rule. */
typedef struct extent {
    size_t at;
    size_t length;
} extent;

static uint64_t random_offset(random_source *r, size_t size) {
    static const uint64_t far[] = {UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1, INT64_MAX - 1};
    return random_below(r, 8) == 0 ? far[random_below(r, ITEMS(far))] : random_below(r, size + 20);
}

static rd_source random_range(random_source *r, const rd_source *source, extent *e) {
    const uint64_t offset = random_offset(r, e->length);
    const uint64_t length = random_below(r, 4) == 0 ? RD_UNKNOWN : random_offset(r, e->length);
    const size_t skipped = offset < e->length ? (size_t)offset : e->length;
    e->at += skipped;
    e->length -= skipped;
    if (length < e->length)
        e->length = (size_t)length;
    return rd_source_range(source, offset, length);
}

static void check_range(const rd_source *source, const rd_memory *bytes, extent e, random_source *r) {
    uint8_t data[400];
    for (int i = 0; i < 6; i++) {
        const uint64_t offset = random_offset(r, e.length);
        const size_t size = random_below(r, sizeof data);
        const size_t left = offset < e.length ? e.length - (size_t)offset : 0;
        size_t got = 99;
        rd_error error = {.reason = "none"};
        check_equal(rd_source_read(source, offset, data, size, &got, &error), RD_OK, "%s", error.reason);
        check_equal(got, size < left ? size : left, "%zu bytes at %llu", size, (unsigned long long)offset);
        if (got > 0)
            check_bytes(data, got, bytes->data + e.at + offset, got, "%zu bytes at %llu", size,
                        (unsigned long long)offset);
    }
}

static void a_range_of_a_range_gives_its_bytes(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t run = 0; run < 1000; run++) {
        rd_memory bytes = bytes_random(&r, random_below(&r, 300), 256);
        const size_t origin = random_below(&r, bytes.size + 10);
        FILE *const file = chunks_file(&bytes);
        chunks sized = chunks_of(&bytes, 30, false);
        chunks unsized = chunks_of(&bytes, 30, false);
        const size_t skipped = origin < bytes.size ? origin : bytes.size;
        const struct {
            rd_source source;
            extent extent;
        } sources[] = {
            {bytes_source(&bytes), {0, bytes.size}},
            {rd_source_fd_at(fileno(file), origin), {skipped, bytes.size - skipped}},
            {chunks_source(&sized), {0, bytes.size}},
            {rd_source_callback(chunks_read, &unsized, RD_UNKNOWN, RD_SEEKABLE), {0, bytes.size}},
        };
        for (size_t i = 0; i < ITEMS(sources); i++) {
            rd_source source = sources[i].source;
            extent e = sources[i].extent;
            for (size_t depth = 0; depth < 3; depth++) {
                check_range(&source, &bytes, e, &r);
                check_true(source.size == RD_UNKNOWN || source.size == e.length, "run %zu, source %zu", run, i);
                source = random_range(&r, &source, &e);
            }
        }
        (void)fclose(file);
        rd_memory_free(&bytes);
    }
}

static void a_pipe_has_ranges_of_its_first_bytes_alone(void **state) {
    (void)state;
    int ends[2];
    uint8_t data[10];
    size_t got = 0;
    rd_error error;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "0123456789", 10), 10);
    assert_int_equal(close(ends[1]), 0);
    const rd_source source = rd_source_fd(ends[0]);
    const rd_source later = rd_source_range(&source, 3, 4);
    assert_int_equal(rd_source_read(&later, 0, data, 4, &got, &error), RD_E_IO);
    assert_int_equal(error.system_error, ESPIPE);
    const rd_source first = rd_source_range(&source, 0, 4);
    assert_int_equal(rd_source_read(&first, 0, data, 10, &got, &error), RD_OK);
    check_bytes(data, got, (const uint8_t *)"0123", 4, "the first bytes");
    assert_int_equal(close(ends[0]), 0);
}

/* A failure, of the source itself or of its function, is that of its ranges too. */
static void a_range_fails_as_its_source(void **state) {
    (void)state;
    rd_memory bytes = bytes_copy("0123456789", 10);
    chunks reader = chunks_of(&bytes, 3, false);
    reader.fails = true;
    reader.fails_at = 7;
    reader.failure = RD_E_MISMATCH;
    reader.error_number = EISDIR;
    const rd_source failing = chunks_source(&reader);
    const rd_source closed = rd_source_fd(-1);
    const rd_source ranges[] = {rd_source_range(&failing, 2, 7), rd_source_range(&closed, 2, 7),
                                rd_source_range(&closed, 0, 0)};
    static const int expected[] = {EISDIR, EBADF, EBADF};
    for (size_t i = 0; i < ITEMS(ranges); i++) {
        uint8_t data[10];
        size_t got = 0;
        rd_error error;
        check_equal(rd_source_read(&ranges[i], 0, data, 10, &got, &error), i == 0 ? RD_E_MISMATCH : RD_E_IO, "%zu", i);
        check_equal(error.result, i == 0 ? RD_E_MISMATCH : RD_E_IO, "%zu", i);
        check_equal(error.system_error, expected[i], "%zu", i);
        check_equal(rd_source_read(&ranges[i], 0, data, 10, &got, NULL), error.result, "%zu", i);
    }
    rd_memory_free(&bytes);
}

/* Operations on a range are those on its bytes. */
static void operations_work_on_ranges(void **state) {
    (void)state;
    random_source r = random_from(2);
    rd_memory bytes = bytes_random(&r, 3000000, 256);
    FILE *const file = chunks_file(&bytes);
    for (size_t run = 0; run < 30; run++) {
        const size_t at = random_below(&r, bytes.size);
        const size_t length = random_below(&r, bytes.size - at + 1);
        rd_memory part = bytes_copy(bytes.data + at, length);
        rd_memory expected = signature_of(&part, (rd_params){.block_len = 1000});
        chunks reader = chunks_of(&bytes, 100000, false);
        const rd_source sources[] = {bytes_source(&bytes), rd_source_fd_at(fileno(file), 0), chunks_source(&reader),
                                     rd_source_callback(chunks_read, &reader, RD_UNKNOWN, RD_SEEKABLE)};
        for (size_t i = 0; i < ITEMS(sources); i++) {
            const rd_source range = rd_source_range(&sources[i], at, length);
            rd_memory made = {0};
            const rd_sink sink = rd_sink_memory(&made);
            assert_int_equal(
                rd_signature_make(&range, &sink, &(rd_options){OPTIONS, .params = {.block_len = 1000}, .threads = 2}),
                RD_OK);
            check_memory(made, expected, "run %zu, source %zu", run, i);
            rd_memory_free(&made);
        }
        rd_memory_free(&expected);
        rd_memory_free(&part);
    }
    (void)fclose(file);
    rd_memory_free(&bytes);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static rd_result write_at_memory(void *context, uint64_t offset, const void *data, size_t size) {
    const rd_sink sink = rd_sink_memory(context);
    return rd_sink_write_at(&sink, offset, data, size, NULL);
}

static rd_result write_memory(void *context, const void *data, size_t size) {
    const rd_sink sink = rd_sink_memory(context);
    return rd_sink_write(&sink, data, size, NULL);
}

/*
 * Writes in order and at offsets, mixed. What comes next in order goes where the last such write ended, in memory at
 * its end; so in-order writes come first here, and last.
 */
static void bytes_are_written_at_offsets(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t run = 0; run < 100; run++) {
        rd_memory memory = {0};
        rd_memory behind = {0};
        FILE *const file = tmpfile();
        assert_non_null(file);
        const rd_sink sinks[] = {rd_sink_memory(&memory), rd_sink_callback_at(write_memory, write_at_memory, &behind),
                                 rd_sink_fd(fileno(file))};
        uint8_t model[4000] = {0};
        const size_t start = random_below(&r, 1000);
        size_t size = start;
        random_fill(&r, model, start, 256);
        for (size_t i = 0; i < ITEMS(sinks); i++)
            assert_int_equal(rd_sink_write(&sinks[i], model, start, NULL), RD_OK);
        for (size_t n = random_below(&r, 20); n > 0; n--) {
            const size_t at = random_below(&r, 2000);
            const size_t length = random_below(&r, 1000);
            random_fill(&r, model + at, length, 256);
            if (length > 0 && at + length > size)
                size = at + length;
            rd_memory data = bytes_copy(model + at, length);
            for (size_t i = 0; i < ITEMS(sinks); i++)
                assert_int_equal(rd_sink_write_at(&sinks[i], at, data.data, length, NULL), RD_OK);
            rd_memory_free(&data);
        }
        check_bytes(memory.data, memory.size, model, size, "memory, run %zu", run);
        check_bytes(behind.data, behind.size, model, size, "functions, run %zu", run);
        assert_int_equal(lseek(fileno(file), 0, SEEK_CUR), start);
        assert_int_equal(rd_sink_write(&sinks[2], model, 1, NULL), RD_OK);
        model[start] = model[0];
        size = size > start ? size : start + 1;
        const rd_source source = rd_source_fd_at(fileno(file), 0);
        uint8_t data[sizeof model];
        size_t got = 0;
        assert_int_equal(rd_source_read(&source, 0, data, sizeof data, &got, NULL), RD_OK);
        check_bytes(data, got, model, size, "file, run %zu", run);
        (void)fclose(file);
        rd_memory_free(&memory);
        rd_memory_free(&behind);
    }
}

static rd_result refuse_at(void *context, uint64_t offset, const void *data, size_t size) {
    (void)context, (void)offset, (void)data, (void)size;
    errno = EDQUOT;
    return RD_E_IO;
}

static void what_cannot_be_written_at_offsets_says_so(void **state) {
    (void)state;
    int ends[2];
    rd_memory memory = {0};
    rd_error error;
    assert_int_equal(pipe(ends), 0);
    const int reading = open("/dev/null", O_RDONLY);
    assert_true(reading >= 0);
    const struct {
        rd_sink sink;
        uint64_t offset;
        rd_result result;
        int system_error;
    } cases[] = {
        {rd_sink_callback(write_memory, &memory), 0, RD_E_STATE, 0},
        {rd_sink_callback_at(write_memory, refuse_at, &memory), 0, RD_E_IO, EDQUOT},
        {rd_sink_fd(ends[1]), 0, RD_E_STATE, 0},
        {rd_sink_fd(reading), 0, RD_E_IO, EBADF},
        {rd_sink_memory(&memory), (uint64_t)INT64_MAX + 1, RD_E_PARAMETER, 0},
        {rd_sink_memory(&memory), INT64_MAX, RD_E_PARAMETER, 0},
        {rd_sink_memory(&memory), INT64_MAX - 1, RD_E_MEMORY, 0},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        error = (rd_error){.result = RD_OK};
        check_equal(rd_sink_write_at(&cases[i].sink, cases[i].offset, "x", 1, &error), cases[i].result, "case %zu", i);
        check_equal(error.result, cases[i].result, "case %zu", i);
        check_equal(error.system_error, cases[i].system_error, "case %zu", i);
        check_true(error.reason != NULL, "case %zu", i);
        check_equal(rd_sink_write_at(&cases[i].sink, cases[i].offset, "x", 1, NULL), cases[i].result, "case %zu", i);
    }
    assert_int_equal(memory.size, 0);
    close(reading);
    close(ends[0]);
    close(ends[1]);
}

/* ---- Functions that several threads call ------------------------------------------------------------------------- */

typedef struct shared_bytes {
    const rd_memory *bytes;
    pthread_t caller;
    bool waits; /* the first two calls wait for each other: with one thread, that would never end */
    pthread_barrier_t barrier;
    atomic_uint waiting;
    atomic_uint by_others; /* calls that were not made by the calling thread */
    bool fails;
} shared_bytes;

static rd_result shared_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    shared_bytes *const s = context;
    const uint64_t left = offset < s->bytes->size ? s->bytes->size - offset : 0;
    if (!pthread_equal(pthread_self(), s->caller))
        atomic_fetch_add(&s->by_others, 1);
    if (s->waits && atomic_fetch_add(&s->waiting, 1) < 2)
        (void)pthread_barrier_wait(&s->barrier);
    if (s->fails && offset >= s->bytes->size / 2) {
        errno = EISDIR;
        return RD_E_IO;
    }
    *got = size < left ? size : (size_t)left;
    if (*got > 0)
        memcpy(data, s->bytes->data + offset, *got);
    return RD_OK;
}

static shared_bytes shared_of(const rd_memory *bytes, bool waits) {
    shared_bytes s = {.bytes = bytes, .caller = pthread_self(), .waits = waits};
    assert_int_equal(pthread_barrier_init(&s.barrier, NULL, 2), 0);
    return s;
}

/* Every operation that may: reading a basis, a new file, the basis of a patch, a file to digest or to verify. */
static void a_concurrent_function_is_called_by_several_threads(void **state) {
    (void)state;
    random_source r = random_from(4);
    rd_memory old = bytes_random(&r, 6000000, 256);
    rd_memory signature = signature_of(&old, (rd_params){.block_len = 5000});
    rd_signature *const loaded_signature = loaded(&signature);
    rd_memory delta = delta_of(loaded_signature, &old, NULL);
    const rd_source commands = bytes_source(&delta);
    uint8_t expected_digest[RD_DIGEST_LEN];
    const rd_source plain = bytes_source(&old);
    assert_int_equal(rd_digest(&plain, expected_digest, NULL), RD_OK);
    for (int concurrent = 0; concurrent < 2; concurrent++) {
        for (int i = 0; i < 6; i++) {
            shared_bytes shared = shared_of(&old, concurrent == 1);
            const rd_source source = rd_source_callback(shared_read, &shared, old.size,
                                                        concurrent ? RD_SEEKABLE | RD_CONCURRENT : RD_SEEKABLE);
            rd_memory made = {0};
            rd_signature *built = NULL;
            uint8_t digest[RD_DIGEST_LEN];
            const rd_sink sink = rd_sink_memory(&made);
            const rd_options options = {OPTIONS, .params = {.block_len = 5000}, .threads = 3};
            check_equal(i == 0   ? rd_signature_make(&source, &sink, &options)
                        : i == 1 ? rd_signature_build(&built, &source, &options)
                        : i == 2 ? rd_delta_make(loaded_signature, &source, &sink, &options)
                        : i == 3 ? rd_patch_apply(&source, &commands, &sink, &options)
                        : i == 4 ? rd_digest(&source, digest, &options)
                                 : rd_delta_verify(&commands, &source, &options),
                        RD_OK, "operation %d", i);
            if (i == 1)
                assert_int_equal(rd_signature_write(built, &sink, NULL), RD_OK);
            if (i < 4)
                check_memory(made, i < 2 ? signature : i == 2 ? delta : old, "operation %d", i);
            if (i == 4)
                check_bytes(digest, sizeof digest, expected_digest, sizeof expected_digest, "digest");
            check_equal(atomic_load(&shared.by_others) > 0, concurrent, "operation %d", i);
            assert_int_equal(pthread_barrier_destroy(&shared.barrier), 0);
            rd_signature_free(built);
            rd_memory_free(&made);
        }
    }
    rd_memory_free(&delta);
    rd_signature_free(loaded_signature);
    rd_memory_free(&signature);
    rd_memory_free(&old);
}

/* A number of threads that nobody has. Memory is that of the threads that there may be. */
static void threads_without_number_are_allowed(void **state) {
    (void)state;
    random_source r = random_from(30);
    rd_memory bytes = bytes_random(&r, 3000000, 256);
    chunks c = chunks_of(&bytes, 100000, true);
    const rd_options options = {OPTIONS, .threads = UINT_MAX};
    rd_memory signature = {0};
    rd_memory expected = signature_of(&bytes, (rd_params){.block_len = 2048});
    const rd_source source = chunks_source(&c);
    const rd_sink sink = rd_sink_memory(&signature);
    assert_int_equal(rd_signature_make(&source, &sink, &options), RD_OK);
    check_memory(signature, expected, "with any number of threads");
    rd_memory_free(&signature);
    rd_memory_free(&expected);
    rd_memory_free(&bytes);
}

/* ---- Sources whose size is not what they say --------------------------------------------------------------------- */

typedef struct counted_source {
    const rd_memory *bytes;
    size_t most;    /* of one call */
    unsigned calls; /* so far */
} counted_source;

static rd_result counted_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    counted_source *const s = context;
    const uint64_t left = offset < s->bytes->size ? s->bytes->size - offset : 0;
    *got = size < s->most ? size : s->most;
    *got = *got < left ? *got : (size_t)left;
    if (*got > 0)
        memcpy(data, s->bytes->data + offset, *got);
    s->calls++;
    return RD_OK;
}

/* Files of procfs say that they are empty. They are read in order, and not a block at a time. */
static void a_size_that_is_wrong_changes_only_what_is_recommended(void **state) {
    static const uint64_t sizes[] = {0, 1, 3, 5000, 1u << 30, RD_UNKNOWN};
    (void)state;
    random_source r = random_from(31);
    rd_memory bytes = bytes_random(&r, 1000000, 256);
    rd_memory expected = signature_of(&bytes, (rd_params){.block_len = 512});
    rd_signature *const signature = loaded(&expected);
    rd_memory deltas[2] = {delta_of(NULL, &bytes, NULL), delta_of(signature, &bytes, NULL)};
    for (size_t i = 0; i < 2 * ITEMS(sizes); i++) {
        const unsigned long long size = sizes[i / 2];
        counted_source basis = {.bytes = &bytes, .most = SIZE_MAX};
        counted_source new_file = {.bytes = &bytes, .most = 65533};
        counted_source delta = {.bytes = &deltas[i % 2], .most = SIZE_MAX};
        const rd_source basis_source = rd_source_callback(counted_read, &basis, size, RD_SEEKABLE);
        const rd_source new_source = rd_source_callback(counted_read, &new_file, size, RD_SEEKABLE);
        const rd_source delta_source = rd_source_callback(counted_read, &delta, size, RD_SEEKABLE);
        rd_error error = {.reason = ""};
        const rd_options options = {OPTIONS, .params = {.block_len = 512}, .error = &error};
        rd_memory made = {0};
        const rd_sink sink = rd_sink_memory(&made);
        check_equal(rd_signature_make(&basis_source, &sink, &options), RD_OK, "size %llu", size);
        check_memory(made, expected, "size %llu", size);
        check_true(basis.calls < 10, "size %llu: %u calls", size, basis.calls);
        rd_memory_free(&made);
        check_equal(rd_delta_make(i % 2 ? signature : NULL, &new_source, &sink, &options), RD_OK, "size %llu", size);
        check_memory(made, deltas[i % 2], "size %llu", size);
        check_true(new_file.calls < 40, "size %llu: %u calls", size, new_file.calls);
        rd_memory_free(&made);
        check_equal(rd_patch_apply(&basis_source, &delta_source, &sink, &options), RD_OK, "size %llu: %s", size,
                    error.reason);
        check_memory(made, bytes, "size %llu", size);
        rd_memory_free(&made);
    }
    rd_signature_free(signature);
    for (size_t i = 0; i < 2; i++)
        rd_memory_free(&deltas[i]);
    rd_memory_free(&expected);
    rd_memory_free(&bytes);
}

static void a_failure_in_another_thread_keeps_its_errno(void **state) {
    (void)state;
    random_source r = random_from(5);
    rd_memory old = bytes_random(&r, 6000000, 256);
    for (unsigned threads = 1; threads <= 4; threads++) {
        shared_bytes shared = shared_of(&old, false);
        shared.fails = true;
        const rd_source source = rd_source_callback(shared_read, &shared, old.size, RD_SEEKABLE | RD_CONCURRENT);
        rd_error error = {.result = RD_OK};
        uint8_t digest[RD_DIGEST_LEN];
        assert_int_equal(rd_digest(&source, digest, &(rd_options){OPTIONS, .threads = threads, .error = &error}),
                         RD_E_IO);
        assert_int_equal(error.system_error, EISDIR);
        assert_int_equal(error.role, RD_ROLE_NEW);
        assert_int_equal(pthread_barrier_destroy(&shared.barrier), 0);
    }
    rd_memory_free(&old);
}

/* ---- The digest of a source -------------------------------------------------------------------------------------- */

static void the_digest_is_that_of_hashlib(void **state) {
    (void)state;
    random_source r = random_from(6);
    for (size_t i = 0; i < ITEMS(known_digests); i++) {
        rd_memory file = {.data = bytes_new(known_digests[i].size), .size = known_digests[i].size};
        for (size_t j = 0; j < file.size; j++)
            file.data[j] = (uint8_t)(j % 251);
        FILE *const stored = chunks_file(&file);
        chunks sequential = chunks_of(&file, 1 + random_below(&r, 100000), true);
        chunks by_offset = chunks_of(&file, 1 + random_below(&r, 100000), false);
        const rd_source sources[] = {bytes_source(&file), rd_source_fd_at(fileno(stored), 0),
                                     chunks_source(&sequential), chunks_source(&by_offset)};
        for (size_t j = 0; j < ITEMS(sources); j++) {
            uint8_t digest[RD_DIGEST_LEN];
            char text[2 * RD_DIGEST_LEN + 1];
            rd_stats stats = {.size = sizeof stats};
            const rd_options options = {OPTIONS, .stats = &stats, .threads = 1 + (unsigned)random_below(&r, 4)};
            assert_int_equal(rd_digest(&sources[j], digest, &options), RD_OK);
            for (size_t k = 0; k < sizeof digest; k++)
                (void)snprintf(text + 2 * k, 3, "%02x", digest[k]);
            check_equal(strcmp(text, known_digests[i].digest), 0, "size %zu, source %zu: %s", file.size, j, text);
            check_equal(stats.in_bytes, file.size, "size %zu, source %zu", file.size, j);
            assert_true(stats.has_digest);
            check_bytes(stats.digest, sizeof stats.digest, digest, sizeof digest, "size %zu", file.size);
        }
        (void)fclose(stored);
        rd_memory_free(&file);
    }
}

/* ---- Pieces ------------------------------------------------------------------------------------------------------ */

enum { PIECE_MAX = 3000 };

/* Cuts the bytes into `count` pieces, some of them empty; what is left is in the last one. */
static void cut(rd__piece *pieces, size_t count, const rd_memory *bytes, random_source *r) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t left = bytes->size - at;
        const size_t wanted = random_below(r, 4) == 0 ? 0 : random_below(r, PIECE_MAX);
        pieces[i] = (rd__piece){.data = bytes->data + at, .size = i + 1 < count && wanted < left ? wanted : left};
        at += pieces[i].size;
    }
}

/* The file holds the first `size` of the bytes, and nothing more. */
static void check_file(FILE *file, const rd_memory *bytes, size_t size) {
    rd_memory made = {.data = bytes_new(bytes->size + 1), .size = size};
    assert_int_equal(pread(fileno(file), made.data, bytes->size + 1, 0), size);
    assert_memory_equal(made.data, bytes->data, size);
    rd_memory_free(&made);
}

static void pieces_are_written_one_after_the_other(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 17, RD__PIECES_MAX};
    random_source r = random_from(11);
    for (size_t i = 0; i < 20 * ITEMS(counts); i++) {
        const size_t count = counts[i % ITEMS(counts)];
        rd__piece pieces[RD__PIECES_MAX];
        rd_memory bytes = bytes_random(&r, count == 0 ? 0 : random_below(&r, 100000), 256);
        rd_memory memory = {0};
        FILE *const file = tmpfile();
        assert_non_null(file);
        cut(pieces, count, &bytes, &r);
        const rd_sink sinks[] = {rd_sink_fd(fileno(file)), rd_sink_memory(&memory)};
        for (size_t j = 0; j < ITEMS(sinks); j++) {
            rd__operation operation = rd__operation_none();
            assert_int_equal(rd__sink_write_pieces(&sinks[j], &operation, pieces, count), RD_OK);
            assert_int_equal(operation.stats.out_bytes, bytes.size);
        }
        check_file(file, &bytes, bytes.size);
        assert_int_equal(memory.size, bytes.size);
        assert_memory_equal(memory.data, bytes.data, bytes.size);
        assert_int_equal(fclose(file), 0);
        rd_memory_free(&memory);
        rd_memory_free(&bytes);
    }
}

/* The system takes what fits below the limit of a file's size, and then fails. */
static void pieces_that_do_not_fit_are_a_failure(void **state) {
    (void)state;
    enum { SIZE = 20000, COUNT = 9 };
    random_source r = random_from(12);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t room = 0; room < SIZE; room += 1111) {
        rd__operation operation = rd__operation_none();
        rd__piece pieces[COUNT];
        rd_memory bytes = bytes_random(&r, SIZE, 256);
        FILE *const file = tmpfile();
        assert_non_null(file);
        const rd_sink sink = rd_sink_fd(fileno(file));
        cut(pieces, COUNT, &bytes, &r);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){room, before.rlim_max}), 0);
        const rd_result result = rd__sink_write_pieces(&sink, &operation, pieces, COUNT);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(result, RD_E_IO);
        assert_int_equal(operation.error.role, RD_ROLE_OUTPUT);
        assert_int_equal(operation.error.system_error, EFBIG);
        assert_int_equal(operation.stats.out_bytes, room);
        check_file(file, &bytes, (size_t)room);
        assert_int_equal(fclose(file), 0);
        rd_memory_free(&bytes);
    }
}

static void pieces_beyond_the_limit_of_the_output_are_refused(void **state) {
    (void)state;
    const uint8_t data[10] = {0};
    const rd__piece pieces[] = {{data, 4}, {data, 6}};
    for (uint64_t limit = 1; limit < 12; limit++) {
        rd__operation operation = rd__operation_none();
        FILE *const file = tmpfile();
        assert_non_null(file);
        const rd_sink sink = rd_sink_fd(fileno(file));
        operation.options.limits.output = limit;
        const rd_result result = rd__sink_write_pieces(&sink, &operation, pieces, ITEMS(pieces));
        assert_int_equal(result, limit < sizeof data ? RD_E_LIMIT : RD_OK);
        assert_int_equal(fclose(file), 0);
    }
}

static void check_not_examined(rd_result result, const rd_error *error, const char *name) {
    check_equal(result, RD_E_IO, "%s", name);
    check_equal(error->role, RD_ROLE_BASIS, "%s", name);
    check_equal(error->system_error, EBADF, "%s: %s", name, error->reason);
}

/* An old file that is not open, wherever one is read in any order. */
static void what_cannot_be_examined_is_told_with_its_errno(void **state) {
    (void)state;
    const rd_source closed = rd_source_fd(-1);
    const rd_source delta = rd_source_memory("rs\x02\x36\x01x", 7);
    rd_memory made = {0};
    rd_error error = {.result = RD_OK};
    rd_stream *stream = NULL;
    rd_delta_writer *writer = NULL;
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .error = &error, .verify = RD_VERIFY_NEVER};
    check_not_examined(rd_diff_make(&closed, &delta, &sink, &options), &error, "diff");
    error = (rd_error){.result = RD_OK};
    check_not_examined(rd_delta_expand(&closed, &delta, &sink, &options), &error, "expand");
    error = (rd_error){.result = RD_OK};
    check_not_examined(rd_patch_apply(&closed, &delta, &sink, &options), &error, "patch");
    error = (rd_error){.result = RD_OK};
    check_not_examined(rd_delta_merge(&delta, 1, &closed, &sink, &options), &error, "merge");
    error = (rd_error){.result = RD_OK};
    check_not_examined(rd_delta_reverse(&closed, &delta, &sink, &options), &error, "reverse");
    error = (rd_error){.result = RD_OK};
    check_not_examined(rd_patch_stream_new(&stream, &closed, &options), &error, "patch stream");
    error = (rd_error){.result = RD_OK};
    check_not_examined(rd_delta_writer_new(&writer, &sink, &closed, &options), &error, "delta writer");
    assert_true(made.size == 0);
    rd_memory_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_of_a_range_gives_its_bytes),
        cmocka_unit_test(a_pipe_has_ranges_of_its_first_bytes_alone),
        cmocka_unit_test(a_range_fails_as_its_source),
        cmocka_unit_test(what_cannot_be_examined_is_told_with_its_errno),
        cmocka_unit_test(operations_work_on_ranges),
        cmocka_unit_test(bytes_are_written_at_offsets),
        cmocka_unit_test(pieces_are_written_one_after_the_other),
        cmocka_unit_test(pieces_that_do_not_fit_are_a_failure),
        cmocka_unit_test(pieces_beyond_the_limit_of_the_output_are_refused),
        cmocka_unit_test(what_cannot_be_written_at_offsets_says_so),
        cmocka_unit_test(a_concurrent_function_is_called_by_several_threads),
        cmocka_unit_test(threads_without_number_are_allowed),
        cmocka_unit_test(a_size_that_is_wrong_changes_only_what_is_recommended),
        cmocka_unit_test(a_failure_in_another_thread_keeps_its_errno),
        cmocka_unit_test(the_digest_is_that_of_hashlib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
