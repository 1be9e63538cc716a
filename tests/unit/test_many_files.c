/*
 * rd_sign_files: each file's signature and digest are those of the operations for one file, whatever the threads; and
 * what is wrong with a file is told in its record and nowhere else.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "many.h"

#include <errno.h>
#include <sys/syscall.h>

/* ---- Something is done to a file while it is read ---------------------------------------------------------------- */

static const char *victim; /* a path, until it is done */
static void (*deed)(const char *path);

/* Under other names in C, so that the declarations of the system's headers do not matter. */
ssize_t pread_here(int fd, void *data, size_t size, int64_t offset) __asm__("pread");
ssize_t pread64_here(int fd, void *data, size_t size, int64_t offset) __asm__("pread64");

/* Only the thread that reads the victim does it, and it is done between two steps of the call. */
static ssize_t read_and_do(int fd, void *data, size_t size, int64_t offset) {
    struct stat read, chosen;
    const char *const path = victim;
    const bool is_victim = path && fstat(fd, &read) == 0 && stat(path, &chosen) == 0 && read.st_ino == chosen.st_ino;
    if (is_victim)
        deed(path);
    const ssize_t n = syscall(SYS_pread64, fd, data, size, offset);
    if (is_victim)
        victim = NULL;
    return n;
}

ssize_t pread_here(int fd, void *data, size_t size, int64_t offset) {
    return read_and_do(fd, data, size, offset);
}

ssize_t pread64_here(int fd, void *data, size_t size, int64_t offset) {
    return read_and_do(fd, data, size, offset);
}

static void append_a_byte(const char *path) {
    const int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void cut_in_half(const char *path) {
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size / 2), 0);
}

static void empty(const char *path) {
    assert_int_equal(truncate(path, 0), 0);
}

static void write_a_byte(const char *path) {
    const int fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void change_mode(const char *path) {
    assert_int_equal(chmod(path, 0600), 0);
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static const size_t sizes[] = {0,       1,       127,  128,  255,    256,     257,   1023,   1024,
                               1025,    2048,    3072, 4096, 65535,  65536,   65537, 131072, 1048575,
                               1048576, 1048577, 0,    0,    262144, 3000000, 5,     0,      1024 * 1024 + 200000};

enum { SMALL_FILES = 150, FILES = ITEMS(sizes) + SMALL_FILES };

typedef struct files {
    folder folder;
    char names[FILES][16];
    const char *paths[FILES];
} files;

static int make_files(void **state) {
    files *const all = calloc(1, sizeof *all);
    random_source r = random_from(5);
    assert_non_null(all);
    all->folder = folder_open();
    for (size_t i = 0; i < FILES; i++) {
        const size_t size = i < ITEMS(sizes) ? sizes[i] : random_below(&r, 6000);
        rd_memory bytes = bytes_random(&r, size, i % 3 == 0 ? 2 : 256);
        if (size > 200000) /* zeros, some of them in holes */
            memset(bytes.data + size / 4, 0, size / 2);
        (void)snprintf(all->names[i], sizeof all->names[i], "%zu \xff", i);
        all->paths[i] = all->names[i];
        file_write(&all->folder, all->paths[i], bytes.data, bytes.size);
        rd_memory_free(&bytes);
    }
    const int fd = openat(all->folder.fd, all->paths[ITEMS(sizes) - 1], O_WRONLY);
    assert_int_equal(ftruncate(fd, 1024 * 1024), 0);
    assert_int_equal(ftruncate(fd, 1024 * 1024 + 900000), 0);
    close(fd);
    *state = all;
    return 0;
}

static int remove_files(void **state) {
    files *const all = *state;
    folder_close(&all->folder);
    free(all);
    return 0;
}

static rd_memory signature_alone(const files *all, size_t i, rd_params params) {
    rd_memory made = {0};
    const int fd = openat(all->folder.fd, all->paths[i], O_RDONLY);
    const rd_source basis = rd_source_fd(fd);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .params = params, .threads = 1};
    assert_int_equal(rd_signature_make(&basis, &sink, &options), RD_OK);
    close(fd);
    return made;
}

static void check_signature(const files *all, size_t i, const rd_file_record *record, const rd_memory *signatures,
                            rd_params params) {
    rd_memory alone = signature_alone(all, i, params);
    assert_int_equal(rd_params_resolve(&params, record->size), RD_OK);
    check_bytes(signatures->data + record->offset, record->length, alone.data, alone.size, "file %zu", i);
    check_equal(record->block_len, params.block_len, "file %zu", i);
    check_equal(record->strong_len, params.strong_len, "file %zu", i);
    check_equal(record->blocks, rd_block_count(&params, record->size), "file %zu", i);
    rd_memory_free(&alone);
}

static void check_digest(const files *all, size_t i, const rd_file_record *record) {
    uint8_t digest[RD_DIGEST_LEN];
    const int fd = openat(all->folder.fd, all->paths[i], O_RDONLY);
    const rd_source source = rd_source_fd(fd);
    assert_int_equal(rd_digest(&source, digest, NULL), RD_OK);
    check_bytes(record->digest, sizeof record->digest, digest, sizeof digest, "file %zu", i);
    close(fd);
}

static void check_all(const files *all, rd_params params, unsigned what, unsigned threads, rd_context *context) {
    rd_file_record records[FILES];
    rd_memory signatures = bytes_copy("before", 6);
    rd_stats stats = {.size = sizeof stats};
    const rd_options options = {OPTIONS, .params = params, .threads = threads, .context = context, .stats = &stats};
    assert_int_equal(rd_sign_files(all->folder.fd, all->paths, FILES, what, records, &signatures, &options), RD_OK);
    uint64_t offset = 6;
    uint64_t read = 0;
    uint64_t blocks = 0;
    for (size_t i = 0; i < FILES; i++) {
        const rd_file_record *const record = &records[i];
        check_equal(record->result, RD_OK, "file %zu", i);
        check_record_is_of(record, &all->folder, all->paths[i]);
        check_equal(record->has_digest, (what & RD_WANT_DIGEST) != 0, "file %zu", i);
        check_equal(record->changed, false, "file %zu", i);
        if (what & RD_WANT_SIGNATURE) {
            check_equal(record->offset, offset, "file %zu", i);
            check_signature(all, i, record, &signatures, params);
        } else {
            check_equal(record->length, 0, "file %zu", i);
        }
        if (what & RD_WANT_DIGEST)
            check_digest(all, i, record);
        offset += record->length;
        read += record->size;
        blocks += record->blocks;
    }
    check_equal(signatures.size, offset, "all");
    check_bytes(signatures.data, 6, (const uint8_t *)"before", 6, "what was there");
    check_equal(stats.in_bytes, read, "all");
    check_equal(stats.out_bytes, offset - 6, "all");
    check_equal(stats.blocks, blocks, "all");
    rd_memory_free(&signatures);
}

static void each_file_gets_what_it_gets_alone(void **state) {
    static const unsigned numbers[] = {1, 2, 8};
    static const unsigned wants[] = {RD_WANT_SIGNATURE, RD_WANT_DIGEST, RD_WANT_SIGNATURE | RD_WANT_DIGEST};
    for (size_t t = 0; t < ITEMS(numbers); t++) {
        for (size_t w = 0; w < ITEMS(wants); w++)
            check_all(*state, (rd_params){0}, wants[w], numbers[t], NULL);
    }
}

static void parameters_are_those_of_a_signature(void **state) {
    static const rd_params params[] = {
        {.weak = RD_ROLLSUM, .strong = RD_MD4},
        {.strong_len = RD_STRONG_LEN_LEAST},
        {.block_len = 100, .strong_len = 3}, /* with a digest of segments that are not whole chunks */
        {.block_len = 7, .strong = RD_MD4},
        {.block_len = 700000},
        {.block_len = 100000, .strong_len = RD_STRONG_LEN_LEAST},
    };
    rd_context *context = NULL;
    assert_int_equal(rd_context_new(&context), RD_OK);
    for (size_t i = 0; i < ITEMS(params); i++) {
        check_all(*state, params[i], RD_WANT_SIGNATURE | RD_WANT_DIGEST, 3, context);
        check_all(*state, params[i], RD_WANT_SIGNATURE, 1, context);
    }
    rd_context_free(context);
}

/* ---- What fails -------------------------------------------------------------------------------------------------- */

static rd_result sign(const folder *f, const char *const *paths, size_t count, unsigned what, rd_file_record *records,
                      rd_memory *signatures, rd_changed changed) {
    const rd_options options = {OPTIONS, .threads = 2, .changed = changed};
    return rd_sign_files(f->fd, paths, count, what, records, signatures, &options);
}

/* A file that is no file fails its own record, and the files around it are signed. */
static void what_is_no_regular_file_fails_only_its_record(void **state) {
    (void)state;
    static const struct {
        const char *path;
        rd_result result;
        int system_error;
        mode_t type; /* 0: it is not known */
    } cases[] = {
        {"good", RD_OK, 0, S_IFREG},
        {"fifo", RD_E_PARAMETER, 0, S_IFIFO},
        {"directory", RD_E_PARAMETER, 0, S_IFDIR},
        {"link", RD_E_PARAMETER, 0, S_IFLNK},
        {"dangling", RD_E_PARAMETER, 0, S_IFLNK},
        {"socket", RD_E_PARAMETER, 0, S_IFSOCK},
        {"missing", RD_E_IO, ENOENT, 0},
        {"good/below", RD_E_IO, ENOTDIR, 0},
        {"", RD_E_IO, ENOENT, 0},
        {"/dev/null", RD_E_PARAMETER, 0, S_IFCHR},
        {"good", RD_OK, 0, S_IFREG},
    };
    const char *paths[ITEMS(cases)];
    rd_file_record records[ITEMS(cases)];
    rd_memory signatures = {0};
    const folder f = folder_open();
    file_write(&f, "good", "some bytes", 10);
    assert_int_equal(mkfifoat(f.fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(f.fd, "directory", 0700), 0);
    assert_int_equal(symlinkat("good", f.fd, "link"), 0);
    assert_int_equal(symlinkat("nothing", f.fd, "dangling"), 0);
    assert_int_equal(mknodat(f.fd, "socket", S_IFSOCK | 0600, 0), 0);
    for (size_t i = 0; i < ITEMS(cases); i++)
        paths[i] = cases[i].path;
    const unsigned what = RD_WANT_SIGNATURE | RD_WANT_DIGEST;
    assert_int_equal(sign(&f, paths, ITEMS(cases), what, records, &signatures, RD_CHANGED_FAIL), RD_OK);
    for (size_t i = 0; i < ITEMS(cases); i++) {
        check_equal(records[i].result, cases[i].result, "%s", paths[i]);
        check_equal(records[i].system_error, cases[i].system_error, "%s", paths[i]);
        check_equal(records[i].mode & S_IFMT, cases[i].type, "%s", paths[i]);
        check_equal(records[i].has_digest, cases[i].result == RD_OK, "%s", paths[i]);
        check_equal(records[i].length > 0, cases[i].result == RD_OK, "%s", paths[i]);
    }
    check_equal(records[ITEMS(cases) - 1].offset, records[0].length, "the last one");
    rd_memory_free(&signatures);
    folder_close(&f);
}

static void links_are_followed_if_they_are_to_be(void **state) {
    (void)state;
    const folder f = folder_open();
    const char *const paths[] = {"link", "dangling", "to the fifo"};
    rd_file_record records[ITEMS(paths)];
    file_write(&f, "good", "some bytes", 10);
    assert_int_equal(mkfifoat(f.fd, "fifo", 0600), 0);
    assert_int_equal(symlinkat("good", f.fd, "link"), 0);
    assert_int_equal(symlinkat("fifo", f.fd, "to the fifo"), 0);
    assert_int_equal(symlinkat("nothing", f.fd, "dangling"), 0);
    const unsigned what = RD_WANT_DIGEST | RD_FOLLOW_LINKS;
    assert_int_equal(sign(&f, paths, ITEMS(paths), what, records, NULL, RD_CHANGED_FAIL), RD_OK);
    assert_int_equal(records[0].result, RD_OK);
    check_record_is_of(&records[0], &f, "good");
    assert_int_equal(records[1].result, RD_E_IO);
    assert_int_equal(records[1].system_error, ENOENT);
    assert_int_equal(records[2].result, RD_E_PARAMETER);
    assert_int_equal(records[2].mode & S_IFMT, S_IFIFO);
    folder_close(&f);
}

static void what_cannot_be_read_is_told_with_what_is_known(void **state) {
    (void)state;
    const folder f = folder_open();
    const char *const paths[] = {"secret"};
    rd_file_record record;
    file_write(&f, "secret", "some bytes", 10);
    assert_int_equal(fchmodat(f.fd, "secret", 0, 0), 0);
    assert_int_equal(fchmod(f.fd, 0755), 0);
    const uid_t user = geteuid();
    if (user == 0) /* who may read everything */
        assert_int_equal(seteuid(65534), 0);
    assert_int_equal(sign(&f, paths, 1, RD_WANT_DIGEST, &record, NULL, RD_CHANGED_FAIL), RD_OK);
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(record.result, RD_E_IO);
    assert_int_equal(record.system_error, EACCES);
    check_record_is_of(&record, &f, "secret");
    folder_close(&f);
}

static void a_path_may_be_absolute_or_relative_to_the_current_directory(void **state) {
    (void)state;
    const folder f = folder_open();
    char path[64];
    const char *paths[] = {path, "file"};
    rd_file_record records[2];
    (void)snprintf(path, sizeof path, "%s/file", f.path);
    file_write(&f, "file", "some bytes", 10);
    const int before = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(fchdir(f.fd), 0);
    const rd_result result = rd_sign_files(RD_CURRENT_DIRECTORY, paths, 2, RD_WANT_DIGEST, records, NULL, NULL);
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_int_equal(result, RD_OK);
    assert_int_equal(records[0].result, RD_OK);
    assert_memory_equal(&records[0], &records[1], sizeof records[0]);
    folder_close(&f);
}

/* ---- What changes ------------------------------------------------------------------------------------------------ */

/* Does it to a file of `size` bytes while it is read, between two others. Returns its record. */
static rd_file_record with_deed(void (*what)(const char *), size_t size, rd_changed changed, rd_memory *signatures) {
    const folder f = folder_open();
    const char *const paths[] = {"one", "victim", "another"};
    rd_file_record records[ITEMS(paths)];
    random_source r = random_from(size);
    rd_memory bytes = bytes_random(&r, size, 256);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/victim", f.path);
    for (size_t i = 0; i < ITEMS(paths); i++)
        file_write(&f, paths[i], bytes.data, size);
    rd_memory_free(&bytes);
    victim = path;
    deed = what;
    const unsigned wanted = RD_WANT_SIGNATURE | RD_WANT_DIGEST;
    assert_int_equal(sign(&f, paths, ITEMS(paths), wanted, records, signatures, changed), RD_OK);
    assert_null(victim);
    assert_int_equal(records[0].result, RD_OK);
    assert_int_equal(records[2].result, RD_OK);
    assert_int_equal(records[2].length, records[0].length);
    assert_memory_equal(records[0].digest, records[2].digest, RD_DIGEST_LEN);
    check_equal(records[2].offset, records[0].length + records[1].length, "no bytes of what failed");
    folder_close(&f);
    return records[1];
}

static const size_t sizes_to_change[] = {10, 1000, 3000, 100000, 2000000}; /* the last is not small */

static void a_file_that_changes_is_told(void **state) {
    (void)state;
    static void (*const deeds[])(const char *) = {append_a_byte, cut_in_half, empty, write_a_byte};
    for (size_t i = 0; i < ITEMS(sizes_to_change); i++) {
        for (size_t k = 0; k < ITEMS(deeds); k++) {
            rd_memory signatures = {0};
            rd_file_record record = with_deed(deeds[k], sizes_to_change[i], RD_CHANGED_FAIL, &signatures);
            check_equal(record.result, RD_E_CHANGED, "size %zu, deed %zu", sizes_to_change[i], k);
            check_equal(record.length, 0, "size %zu, deed %zu", sizes_to_change[i], k);
            check_true(!record.has_digest && record.changed, "size %zu, deed %zu", sizes_to_change[i], k);
            signatures.size = 0;
            record = with_deed(deeds[k], sizes_to_change[i], RD_CHANGED_ACCEPT, &signatures);
            check_equal(record.result, RD_OK, "size %zu, deed %zu", sizes_to_change[i], k);
            check_true(record.changed && record.has_digest, "size %zu, deed %zu", sizes_to_change[i], k);
            rd_memory_free(&signatures);
        }
    }
}

/* A file without a size that has bytes is begun anew, since it may be one of procfs. */
static void an_empty_file_that_gets_bytes_is_read_with_them(void **state) {
    (void)state;
    rd_memory signatures = {0};
    uint8_t digest[RD_DIGEST_LEN];
    const rd_source source = rd_source_memory("x", 1);
    assert_int_equal(rd_digest(&source, digest, NULL), RD_OK);
    const rd_file_record record = with_deed(append_a_byte, 0, RD_CHANGED_FAIL, &signatures);
    assert_int_equal(record.result, RD_OK);
    assert_int_equal(record.size, 1);
    assert_memory_equal(record.digest, digest, sizeof digest);
    rd_memory_free(&signatures);
}

/* Those of procfs say that they are empty. */
static void a_file_without_a_size_is_read(void **state) {
    (void)state;
    const char *const path = "/proc/self/cmdline";
    rd_file_record record;
    rd_memory signatures = {0};
    if (access(path, R_OK) != 0)
        skip();
    const unsigned what = RD_WANT_SIGNATURE | RD_WANT_DIGEST;
    assert_int_equal(rd_sign_files(RD_CURRENT_DIRECTORY, &path, 1, what, &record, &signatures, NULL), RD_OK);
    assert_int_equal(record.result, RD_OK);
    assert_true(record.size > 0 && record.blocks == 1);
    assert_int_equal(record.length, signatures.size);
    rd_memory_free(&signatures);
}

static void a_change_of_the_mode_is_none(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(sizes_to_change); i++) {
        rd_memory signatures = {0};
        const rd_file_record record = with_deed(change_mode, sizes_to_change[i], RD_CHANGED_FAIL, &signatures);
        check_equal(record.result, RD_OK, "size %zu", sizes_to_change[i]);
        check_equal(record.changed, false, "size %zu", sizes_to_change[i]);
        rd_memory_free(&signatures);
    }
}

/* ---- The whole call ---------------------------------------------------------------------------------------------- */

typedef struct teller {
    uint64_t done;
    uint64_t stop; /* when so many are done */
} teller;

static bool tell(void *context, uint64_t done, uint64_t total) {
    teller *const t = context;
    check_equal(total, FILES, "total");
    check_true(done >= t->done, "%zu after %zu", (size_t)done, (size_t)t->done);
    t->done = done;
    return done < t->stop;
}

static void progress_counts_files(void **state) {
    const files *const all = *state;
    rd_file_record records[FILES];
    teller t = {.stop = UINT64_MAX};
    const rd_options options = {OPTIONS, .threads = 2, .progress = tell, .progress_context = &t};
    assert_int_equal(rd_sign_files(all->folder.fd, all->paths, FILES, RD_WANT_DIGEST, records, NULL, &options), RD_OK);
    assert_int_equal(t.done, FILES);
}

static void a_call_that_is_cancelled_leaves_no_signatures(void **state) {
    const files *const all = *state;
    rd_file_record records[FILES];
    for (uint64_t stop = 0; stop < FILES; stop += 40) {
        teller t = {.stop = stop};
        rd_error error = {0};
        rd_memory signatures = bytes_copy("before", 6);
        const rd_options options = {OPTIONS, .threads = 2, .progress = tell, .progress_context = &t, .error = &error};
        assert_int_equal(
            rd_sign_files(all->folder.fd, all->paths, FILES, RD_WANT_SIGNATURE, records, &signatures, &options),
            RD_E_CANCELLED);
        assert_int_equal(error.result, RD_E_CANCELLED);
        check_bytes(signatures.data, signatures.size, (const uint8_t *)"before", 6, "stop at %zu", (size_t)stop);
        rd_memory_free(&signatures);
    }
}

static void a_limit_is_that_of_all_signatures(void **state) {
    const files *const all = *state;
    rd_file_record records[FILES];
    rd_memory signatures = {0};
    rd_options options = {OPTIONS, .threads = 2};
    assert_int_equal(
        rd_sign_files(all->folder.fd, all->paths, FILES, RD_WANT_SIGNATURE, records, &signatures, &options), RD_OK);
    const size_t size = signatures.size;
    for (size_t limit = 1; limit <= size;
         limit += limit < size ? size / 7 < size - limit ? size / 7 : size - limit : 1) {
        signatures.size = 0;
        options.limits.output = limit;
        const rd_result result =
            rd_sign_files(all->folder.fd, all->paths, FILES, RD_WANT_SIGNATURE, records, &signatures, &options);
        check_equal(result, limit < size ? RD_E_LIMIT : RD_OK, "limit %zu of %zu", limit, size);
        check_equal(signatures.size, limit < size ? 0 : size, "limit %zu of %zu", limit, size);
    }
    rd_memory_free(&signatures);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    rd_file_record record;
    rd_memory signatures = {0};
    const char *const path = "/dev/null";
    const rd_options bad = {OPTIONS, .params.strong_len = 33};
    assert_int_equal(rd_sign_files(-1, &path, 1, 0, &record, &signatures, NULL), RD_E_PARAMETER);
    assert_int_equal(rd_sign_files(-1, &path, 1, RD_FOLLOW_LINKS, &record, &signatures, NULL), RD_E_PARAMETER);
    assert_int_equal(rd_sign_files(-1, &path, 1, 4, &record, &signatures, NULL), RD_E_PARAMETER);
    assert_int_equal(rd_sign_files(-1, &path, 1, RD_WANT_SIGNATURE, &record, NULL, NULL), RD_E_PARAMETER);
    assert_int_equal(rd_sign_files(-1, &path, 1, RD_WANT_SIGNATURE, &record, &signatures, &bad), RD_E_PARAMETER);
    assert_int_equal(rd_sign_files(-1, NULL, 0, RD_WANT_SIGNATURE, NULL, &signatures, NULL), RD_OK);
    assert_int_equal(signatures.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_gets_what_it_gets_alone),
        cmocka_unit_test(parameters_are_those_of_a_signature),
        cmocka_unit_test(what_is_no_regular_file_fails_only_its_record),
        cmocka_unit_test(links_are_followed_if_they_are_to_be),
        cmocka_unit_test(what_cannot_be_read_is_told_with_what_is_known),
        cmocka_unit_test(a_path_may_be_absolute_or_relative_to_the_current_directory),
        cmocka_unit_test(a_file_that_changes_is_told),
        cmocka_unit_test(an_empty_file_that_gets_bytes_is_read_with_them),
        cmocka_unit_test(a_file_without_a_size_is_read),
        cmocka_unit_test(a_change_of_the_mode_is_none),
        cmocka_unit_test(progress_counts_files),
        cmocka_unit_test(a_call_that_is_cancelled_leaves_no_signatures),
        cmocka_unit_test(a_limit_is_that_of_all_signatures),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
