/*
 * Holes in the output of a patch, for each kind of sink; tests/interop/test_sparse.py has the layouts of files. That
 * there are holes is told by the system: the file takes less room.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/sink.h"

#define BLOCK ((size_t)4096)
#define UNIT ((size_t)65536)
#define BASIS (40 * UNIT + 1000)
#define OLD (50 * UNIT)

/* Room that the data of the basis takes. */
#define DATA (20 * BLOCK)

#if defined(__linux__)
/* fallocate with these modes is refused; the linker prefers this one to that of the C library. */
static int refused_modes;

int fallocate_here(int fd, int mode, off_t offset, off_t size) __asm__("fallocate");
int fallocate64_here(int fd, int mode, off_t offset, off_t size) __asm__("fallocate64");

int fallocate_here(int fd, int mode, off_t offset, off_t size) {
    return fallocate64_here(fd, mode, offset, size);
}

int fallocate64_here(int fd, int mode, off_t offset, off_t size) {
    if (mode & refused_modes) {
        errno = EOPNOTSUPP;
        return -1;
    }
#if LONG_MAX == INT64_MAX
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
#else /* halves, the low one first on the processors that we test on */
    return (int)syscall(SYS_fallocate, fd, mode, (long)offset, (long)(offset >> 32), (long)size, (long)(size >> 32));
#endif
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

typedef struct material {
    int basis;           /* a file with holes */
    rd_memory bytes;     /* in it */
    rd_memory old;       /* bytes without zeros, for what is written over */
    rd_memory deltas[2]; /* one copy of the basis: without a trailer, with one */
} material;

static int new_file(void) {
    char path[] = "/tmp/redelta-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    return fd;
}

static void write_whole(int fd, const rd_memory *bytes) {
    assert_int_equal(pwrite(fd, bytes->data, bytes->size, 0), bytes->size);
}

static uint64_t room_of(int fd) {
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

static rd_memory content_of(int fd) {
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    rd_memory content = {.data = bytes_new((size_t)status.st_size), .size = (size_t)status.st_size};
    assert_non_null(content.data);
    assert_int_equal(pread(fd, content.data, content.size, 0), content.size);
    return content;
}

static int set_up(void **state) {
    static material m;
    random_source r = random_from(1);
    m.basis = new_file();
    m.bytes = (rd_memory){.data = calloc(1, BASIS), .size = BASIS};
    assert_non_null(m.bytes.data);
    /* Noise in three places, one within a unit. */
    random_fill(&r, m.bytes.data + 3 * UNIT, UNIT, 256);
    random_fill(&r, m.bytes.data + 12 * UNIT + 5 * BLOCK, BLOCK, 256);
    random_fill(&r, m.bytes.data + 30 * UNIT - 700, 1400, 256);
    assert_int_equal(ftruncate(m.basis, BASIS), 0);
    for (size_t at = 0; at < BASIS; at += BLOCK) {
        const size_t size = BASIS - at < BLOCK ? BASIS - at : BLOCK;
        for (size_t i = 0; i < size; i++) {
            if (m.bytes.data[at + i] == 0)
                continue;
            assert_int_equal(pwrite(m.basis, m.bytes.data + at, size, (off_t)at), size);
            break;
        }
    }
    m.old = (rd_memory){.data = bytes_new(OLD), .size = OLD};
    memset(m.old.data, 'x', OLD);
    rd_signature *const signature = loaded_signature_of(&m.bytes, (rd_params){.block_len = BASIS});
    const rd_source source = bytes_source(&m.bytes);
    for (int trailer = 0; trailer < 2; trailer++) {
        const rd_sink sink = rd_sink_memory(&m.deltas[trailer]);
        const rd_options options = {OPTIONS, .verify = trailer ? RD_VERIFY_ALWAYS : RD_VERIFY_NEVER};
        assert_int_equal(rd_delta_make(signature, &source, &sink, &options), RD_OK);
    }
    rd_signature_free(signature);
    *state = &m;
    if (room_of(m.basis) > DATA) {
        print_message("skipped: the file system of /tmp has no holes, or larger ones\n");
        exit(EXIT_SUCCESS);
    }
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    close(m->basis);
    rd_memory_free(&m->bytes);
    rd_memory_free(&m->old);
    rd_memory_free(&m->deltas[0]);
    rd_memory_free(&m->deltas[1]);
    return 0;
}

/* A patch that copies the basis; returns how many bytes became holes. */
static uint64_t patch(const material *m, bool trailer, const rd_sink *sink, rd_sparse sparse) {
    rd_stats stats = {.size = sizeof stats};
    const rd_source basis = rd_source_fd_at(m->basis, 0);
    const rd_source delta = bytes_source(&m->deltas[trailer]);
    const rd_options options = {OPTIONS, .stats = &stats, .sparse = sparse};
    assert_int_equal(rd_patch_apply(&basis, &delta, sink, &options), RD_OK);
    assert_int_equal(stats.out_bytes, BASIS);
    assert_int_equal(stats.has_digest, trailer);
    return stats.hole_bytes;
}

/* ---- Sinks ------------------------------------------------------------------------------------------------------- */

static const rd_sparse all_choices[] = {RD_SPARSE_AUTO, RD_SPARSE_ALWAYS, RD_SPARSE_NEVER};

static void a_file_gets_its_holes_and_its_length(void **state) {
    const material *const m = *state;
    for (size_t i = 0; i < ITEMS(all_choices); i++) {
        for (int trailer = 0; trailer < 2; trailer++) {
            const int fd = new_file();
            const rd_sink sink = rd_sink_fd(fd);
            const uint64_t holes = patch(m, trailer, &sink, all_choices[i]);
            rd_memory made = content_of(fd);
            check_memory(made, m->bytes, "choice %zu, trailer %d", i, trailer);
            check_equal(lseek(fd, 0, SEEK_CUR), BASIS, "choice %zu, trailer %d", i, trailer);
            check_equal(holes > 30 * UNIT, all_choices[i] != RD_SPARSE_NEVER, "choice %zu, trailer %d", i, trailer);
            check_equal(room_of(fd) <= DATA, all_choices[i] != RD_SPARSE_NEVER, "choice %zu", i);
            rd_memory_free(&made);
            close(fd);
        }
    }
}

/* Whole blocks of the file, wherever in it the output starts. */
static void holes_are_whole_blocks_of_the_file(void **state) {
    const material *const m = *state;
    static const size_t starts[] = {0, 1, 700, BLOCK - 1, BLOCK, UNIT + 17};
    for (size_t i = 0; i < ITEMS(starts); i++) {
        static const uint8_t zeros[BLOCK];
        const int fd = new_file();
        const rd_sink sink = rd_sink_fd(fd);
        assert_int_equal(lseek(fd, (off_t)starts[i], SEEK_SET), starts[i]);
        (void)patch(m, i % 2 == 0, &sink, RD_SPARSE_AUTO);
        rd_memory made = content_of(fd);
        check_bytes(made.data + starts[i], made.size - starts[i], m->bytes.data, m->bytes.size, "start %zu", starts[i]);
        size_t data = 0;
        for (size_t at = 0; at < made.size; at += BLOCK)
            data += memcmp(made.data + at, zeros, made.size - at < BLOCK ? made.size - at : BLOCK) != 0;
        check_equal(room_of(fd), data * BLOCK, "start %zu", starts[i]);
        rd_memory_free(&made);
        close(fd);
    }
}

/* Where the position is, aligned or not; with bytes before and after the output, or with an output that is longer. */
static void what_is_written_over_is_punched(void **state) {
    const material *const m = *state;
    static const size_t starts[] = {0, BLOCK, 5 * BLOCK + 1, UNIT - 1, OLD - UNIT, OLD - 1, OLD, OLD + 3 * BLOCK + 7};
    static const int refused[] = {0, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE};
    for (size_t run = 0; run < ITEMS(starts) * ITEMS(refused) * 2; run++) {
        const size_t start = starts[run % ITEMS(starts)];
        const size_t refusal = run / ITEMS(starts) % ITEMS(refused);
        const int fd = new_file();
        const rd_sink sink = rd_sink_fd(fd);
        write_whole(fd, &m->old);
        const uint64_t before = room_of(fd);
        assert_int_equal(lseek(fd, (off_t)start, SEEK_SET), start);
        refused_modes = refused[refusal];
        const uint64_t holes = patch(m, run / ITEMS(starts) / ITEMS(refused), &sink, RD_SPARSE_ALWAYS);
        refused_modes = 0;

        rd_memory expected = {0};
        const rd_sink all = rd_sink_memory(&expected);
        assert_int_equal(rd_sink_write(&all, m->old.data, OLD, NULL), RD_OK);
        assert_int_equal(rd_sink_write_at(&all, start, m->bytes.data, BASIS, NULL), RD_OK);
        rd_memory made = content_of(fd);
        check_memory(made, expected, "run %zu", run);
        if (start + BASIS <= OLD) {
            check_equal(holes > 30 * UNIT, refusal == 0, "run %zu", run);
            check_equal(room_of(fd) + 30 * UNIT < before, refusal == 0, "run %zu", run);
        }
        if (start >= OLD)
            check_true(holes > 30 * UNIT, "run %zu", run);
        rd_memory_free(&made);
        rd_memory_free(&expected);
        close(fd);
    }
}

static void a_dense_file_written_over_stays_dense_by_itself(void **state) {
    const material *const m = *state;
    const rd_source basis = bytes_source(&m->bytes); /* in memory: it has no holes */
    const rd_source delta = bytes_source(&m->deltas[1]);
    for (int sparse = 0; sparse < 2; sparse++) {
        rd_stats stats = {.size = sizeof stats};
        const int fd = new_file();
        const rd_sink sink = rd_sink_fd(fd);
        write_whole(fd, &m->old);
        if (sparse)
            assert_int_equal(ftruncate(fd, (off_t)(2 * OLD)), 0);
        assert_int_equal(rd_patch_apply(&basis, &delta, &sink, &(rd_options){OPTIONS, .stats = &stats}), RD_OK);
        assert_int_equal(stats.hole_bytes > 0, sparse);
        close(fd);
    }
}

static void a_sink_may_replace_a_file_with_holes(void **state) {
    const material *const m = *state;
    const rd_source basis = bytes_source(&m->bytes);
    const rd_source delta = bytes_source(&m->deltas[1]);
    for (int replaces = 0; replaces < 2; replaces++) {
        rd_stats stats = {.size = sizeof stats};
        const int fd = new_file();
        rd_sink sink = rd_sink_fd(fd);
        if (replaces)
            rd__sink_note(&sink, RD__SINK_REPLACES_SPARSE);
        assert_int_equal(rd_patch_apply(&basis, &delta, &sink, &(rd_options){OPTIONS, .stats = &stats}), RD_OK);
        assert_int_equal(stats.hole_bytes > 0, replaces);
        rd_memory made = content_of(fd);
        check_memory(made, m->bytes, "replaces %d", replaces);
        rd_memory_free(&made);
        close(fd);
    }
}

static void what_is_appended_is_written(void **state) {
    const material *const m = *state;
    for (size_t i = 0; i < ITEMS(all_choices); i++) {
        const int fd = new_file();
        const rd_sink sink = rd_sink_fd(fd);
        assert_int_equal(write(fd, "old", 3), 3);
        assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
        assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
        assert_int_equal(patch(m, true, &sink, all_choices[i]), 0);
        rd_memory made = content_of(fd);
        check_bytes(made.data + 3, made.size - 3, m->bytes.data, m->bytes.size, "choice %zu", i);
        assert_memory_equal(made.data, "old", 3);
        rd_memory_free(&made);
        close(fd);
    }
}

static rd_result append(void *context, const void *data, size_t size) {
    const rd_sink sink = rd_sink_memory(context);
    return rd_sink_write(&sink, data, size, NULL);
}

static void memory_and_functions_get_zeros(void **state) {
    const material *const m = *state;
    for (size_t i = 0; i < 2 * ITEMS(all_choices); i++) {
        rd_memory made = {0};
        const rd_sink sink = i % 2 ? rd_sink_memory(&made) : rd_sink_callback(append, &made);
        assert_int_equal(patch(m, i % 3 == 0, &sink, all_choices[i / 2]), 0);
        check_memory(made, m->bytes, "case %zu", i);
        rd_memory_free(&made);
    }
}

static void *drain(void *context) {
    const int *const fd = context;
    rd_memory *const made = calloc(1, sizeof *made);
    const rd_source source = rd_source_fd(*fd);
    uint8_t *const room = bytes_new(2 * BASIS);
    size_t got = 0;
    assert_int_equal(rd_source_read(&source, 0, room, 2 * BASIS, &got, NULL), RD_OK);
    *made = (rd_memory){.data = room, .size = got};
    return made;
}

static void pipes_get_zeros(void **state) {
    const material *const m = *state;
    for (size_t i = 0; i < ITEMS(all_choices); i++) {
        int ends[2];
        pthread_t reader;
        void *made = NULL;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(pthread_create(&reader, NULL, drain, &ends[0]), 0);
        const rd_sink sink = rd_sink_fd(ends[1]);
        assert_int_equal(patch(m, true, &sink, all_choices[i]), 0);
        close(ends[1]);
        assert_int_equal(pthread_join(reader, &made), 0);
        check_memory(*(rd_memory *)made, m->bytes, "choice %zu", i);
        rd_memory_free(made);
        free(made);
        close(ends[0]);
    }
}

/* ---- Bases and limits -------------------------------------------------------------------------------------------- */

/* The holes of a part of a file, which starts anywhere. */
static void the_basis_may_be_a_range(void **state) {
    const material *const m = *state;
    static const size_t origins[] = {0, 1, BLOCK, UNIT, 3 * UNIT + 17, 35 * UNIT};
    for (size_t i = 0; i < 2 * ITEMS(origins); i++) {
        const size_t origin = origins[i / 2];
        const size_t size = BASIS - origin - (i % 2 ? 0 : UNIT);
        const rd_source whole = rd_source_fd_at(m->basis, 0);
        const rd_source basis = rd_source_range(&whole, origin, size);
        const rd_memory bytes = {.data = m->bytes.data + origin, .size = size};
        rd_signature *const signature = loaded_signature_of(&bytes, (rd_params){.block_len = (uint32_t)size});
        rd_memory delta = delta_of(signature, &bytes, NULL);
        const rd_source commands = bytes_source(&delta);
        const int fd = new_file();
        const rd_sink sink = rd_sink_fd(fd);
        assert_int_equal(rd_patch_apply(&basis, &commands, &sink, NULL), RD_OK);
        rd_memory made = content_of(fd);
        check_memory(made, bytes, "case %zu", i);
        check_true(room_of(fd) <= DATA + 3 * BLOCK, "case %zu", i); /* each piece may reach into one block more */
        rd_memory_free(&made);
        rd_memory_free(&delta);
        rd_signature_free(signature);
        close(fd);
    }
}

static bool cancel_late(void *context, uint64_t done, uint64_t total) {
    (void)total;
    *(uint64_t *)context = done;
    return done < 20 * UNIT;
}

static void zeros_are_progress(void **state) {
    const material *const m = *state;
    uint64_t done = 0;
    const rd_source basis = rd_source_fd_at(m->basis, 0);
    const rd_source delta = bytes_source(&m->deltas[1]);
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .progress = cancel_late, .progress_context = &done};
    assert_int_equal(rd_patch_apply(&basis, &delta, &sink, &options), RD_E_CANCELLED);
    assert_in_range(done, 20 * UNIT, 21 * UNIT);
    rd_memory_free(&made);
}

/* A writer of a file that ends in a hole finds out when its length is set. */
static void a_file_that_cannot_be_so_long_is_an_error(void **state) {
    const material *const m = *state;
    rd_error error = {0};
    const rd_source basis = rd_source_fd_at(m->basis, 0);
    const rd_source delta = bytes_source(&m->deltas[1]);
    const int fd = new_file();
    const rd_sink sink = rd_sink_fd(fd);
    const off_t most = INT64_MAX - (off_t)BLOCK;
    if (lseek(fd, most, SEEK_SET) != most)
        assert_true(lseek(fd, ((off_t)1 << 44) - (off_t)(2 * BLOCK), SEEK_SET) > 0); /* of ext4, with blocks of 4 KiB */
    assert_int_equal(rd_patch_apply(&basis, &delta, &sink, &(rd_options){OPTIONS, .error = &error}), RD_E_IO);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    assert_int_equal(error.system_error, EFBIG);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gets_its_holes_and_its_length),
        cmocka_unit_test(holes_are_whole_blocks_of_the_file),
        cmocka_unit_test(what_is_written_over_is_punched),
        cmocka_unit_test(a_dense_file_written_over_stays_dense_by_itself),
        cmocka_unit_test(a_sink_may_replace_a_file_with_holes),
        cmocka_unit_test(what_is_appended_is_written),
        cmocka_unit_test(memory_and_functions_get_zeros),
        cmocka_unit_test(pipes_get_zeros),
        cmocka_unit_test(the_basis_may_be_a_range),
        cmocka_unit_test(zeros_are_progress),
        cmocka_unit_test(a_file_that_cannot_be_so_long_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
#else
int main(void) {
    return 0; /* only Linux tells where the holes of a basis are */
}
#endif
