/*
 * What ten thousand files of 3 KiB cost in one call for all of them, and by a call for each. bench/many-files makes a
 * table of what is printed: for each step and way the microseconds per file of each round.
 *
 * One by one, a file is opened, worked on by one thread, and closed, and a patch replaces the old version as
 * rd_destination does safely (that is, flushed first). In one call, the new versions are made by rd_patch_files,
 * flushed together (syncfs), and then renamed; a power cut loses as little. A new version differs from the old one in
 * 100 bytes. The two ways take turns at being first, and the disk is idle before each measurement (sync).
 */
#define _GNU_SOURCE
#include "redelta.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 10000, FILE_SIZE = 3072, ROUNDS_MAX = 99, NAME_SIZE = 32 };

typedef enum bench_way { ONE_CALL, ONE_BY_ONE, WAYS } bench_way;

typedef struct bench_step {
    const char *name;
    unsigned what; /* 0: a patch */
    unsigned threads;
} bench_step;

static const bench_step steps[] = {
    {"signature, one thread", RD_WANT_SIGNATURE, 1},
    {"signature and digest, one thread", RD_WANT_SIGNATURE | RD_WANT_DIGEST, 1},
    {"signature, all threads", RD_WANT_SIGNATURE, 0},
    {"signature and digest, all threads", RD_WANT_SIGNATURE | RD_WANT_DIGEST, 0},
    {"patch, replaced safely", 0, 0},
};

enum { STEPS = sizeof steps / sizeof steps[0] };

typedef struct bench_files {
    int directory;
    char old_names[FILES][NAME_SIZE];
    char new_names[FILES][NAME_SIZE];
    const char *old[FILES];
    rd_memory deltas[FILES]; /* there and back: one makes the new version, and the other the old one again */
    rd_memory returns[FILES];
    bool is_new; /* the files are the new versions */
    rd_patch_item items[FILES];
    rd_file_record records[FILES];
    rd_memory signatures;
} bench_files;

static void bench_fail(const char *reason) {
    (void)fprintf(stderr, "bench/many-files: %s\n", reason);
    exit(1);
}

static void bench_check(rd_result result, const rd_error *error) {
    if (result != RD_OK)
        bench_fail(error->reason);
}

static double bench_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static rd_memory bench_delta(const uint8_t *from, const uint8_t *to) {
    rd_signature *signature = NULL;
    rd_memory delta = {0};
    rd_error error = {0};
    const rd_options options = {.size = sizeof options, .error = &error};
    const rd_source basis = rd_source_memory(from, FILE_SIZE);
    const rd_source new_file = rd_source_memory(to, FILE_SIZE);
    const rd_sink sink = rd_sink_memory(&delta);
    bench_check(rd_signature_build(&signature, &basis, &options), &error);
    bench_check(rd_delta_make(signature, &new_file, &sink, &options), &error);
    rd_signature_free(signature);
    return delta;
}

static void bench_fill(bench_files *f) {
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < FILES; i++) {
        uint64_t data[FILE_SIZE / 8];
        uint8_t changed[FILE_SIZE];
        for (size_t k = 0; k < FILE_SIZE / 8; k++) { /* xorshift64 (Marsaglia 2003) */
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            data[k] = random;
        }
        memcpy(changed, data, FILE_SIZE);
        memset(changed + random % (FILE_SIZE - 100), 'x', 100);
        (void)snprintf(f->old_names[i], NAME_SIZE, "file-%d", i);
        (void)snprintf(f->new_names[i], NAME_SIZE, "new-%d", i);
        f->old[i] = f->old_names[i];
        f->deltas[i] = bench_delta((const uint8_t *)data, changed);
        f->returns[i] = bench_delta(changed, (const uint8_t *)data);
        const int fd = openat(f->directory, f->old[i], O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || write(fd, data, FILE_SIZE) != FILE_SIZE)
            bench_fail("cannot write a file");
        close(fd);
    }
}

/* ---- The two ways ------------------------------------------------------------------------------------------------ */

static void bench_sign_in_one_call(bench_files *f, const bench_step *step) {
    rd_error error = {0};
    const rd_options options = {.size = sizeof options, .error = &error, .threads = step->threads};
    f->signatures.size = 0;
    bench_check(rd_sign_files(f->directory, f->old, FILES, step->what, f->records, &f->signatures, &options), &error);
    for (int i = 0; i < FILES; i++) {
        if (f->records[i].result != RD_OK)
            bench_fail("a file failed");
    }
}

static void bench_sign_one_by_one(bench_files *f, const bench_step *step) {
    rd_error error = {0};
    uint8_t digest[RD_DIGEST_LEN];
    const rd_options options = {.size = sizeof options, .error = &error, .threads = 1};
    const rd_sink sink = rd_sink_memory(&f->signatures);
    f->signatures.size = 0;
    for (int i = 0; i < FILES; i++) {
        const int fd = openat(f->directory, f->old[i], O_RDONLY);
        const rd_source file = rd_source_fd(fd);
        bench_check(rd_signature_make(&file, &sink, &options), &error);
        if (step->what & RD_WANT_DIGEST)
            bench_check(rd_digest(&file, digest, &options), &error);
        close(fd);
    }
}

static void bench_patch_in_one_call(bench_files *f, const rd_memory *deltas) {
    rd_error error = {0};
    const rd_options options = {.size = sizeof options, .error = &error};
    for (int i = 0; i < FILES; i++)
        f->items[i] = (rd_patch_item){.basis = f->old_names[i],
                                      .output = f->new_names[i],
                                      .delta = deltas[i].data,
                                      .delta_size = deltas[i].size,
                                      .mode = RD_MODE_OF_BASIS,
                                      .mtime_ns = RD_TIME_NOW};
    bench_check(rd_patch_files(f->directory, f->directory, f->items, FILES, 0, f->records, &options), &error);
    if (syncfs(f->directory) != 0)
        bench_fail("cannot flush");
    for (int i = 0; i < FILES; i++) {
        if (f->records[i].result != RD_OK ||
            renameat(f->directory, f->new_names[i], f->directory, f->old_names[i]) != 0)
            bench_fail("a file failed");
    }
    if (fsync(f->directory) != 0)
        bench_fail("cannot flush");
}

static void bench_patch_one_by_one(const bench_files *f, const rd_memory *deltas) {
    rd_error error = {0};
    const rd_options options = {.size = sizeof options, .error = &error, .threads = 1};
    for (int i = 0; i < FILES; i++) {
        rd_destination *destination = NULL;
        const int fd = openat(f->directory, f->old[i], O_RDONLY);
        const rd_source file = rd_source_fd(fd);
        const rd_source delta = rd_source_memory(deltas[i].data, deltas[i].size);
        bench_check(rd_destination_open(&destination, f->old[i], RD_REPLACE_SAFELY, &error), &error);
        const rd_sink sink = rd_destination_sink(destination);
        bench_check(rd_patch_apply(&file, &delta, &sink, &options), &error);
        bench_check(rd_destination_commit(destination, &error), &error);
        close(fd);
    }
}

static double bench_run(bench_files *f, const bench_step *step, bench_way way) {
    const rd_memory *const deltas = f->is_new ? f->returns : f->deltas;
    sync();
    const double start = bench_now();
    if (step->what != 0 && way == ONE_CALL)
        bench_sign_in_one_call(f, step);
    else if (step->what != 0)
        bench_sign_one_by_one(f, step);
    else if (way == ONE_CALL)
        bench_patch_in_one_call(f, deltas);
    else
        bench_patch_one_by_one(f, deltas);
    const double seconds = bench_now() - start;
    if (step->what == 0)
        f->is_new = !f->is_new;
    return seconds;
}

int main(int count, char **arguments) {
    static bench_files files;
    static double seconds[STEPS][WAYS][ROUNDS_MAX];
    char path[1024];
    const int rounds = count == 3 ? atoi(arguments[2]) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX)
        bench_fail("usage: redelta-bench-many-files DIRECTORY ROUNDS");
    (void)snprintf(path, sizeof path, "%s/many-files-%ld", arguments[1], (long)getpid());
    if (mkdir(path, 0700) != 0 || chdir(path) != 0) /* destinations are paths */
        bench_fail("cannot make a directory");
    files.directory = open(".", O_RDONLY | O_DIRECTORY);
    bench_fill(&files);
    for (int round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            for (int turn = 0; turn < WAYS; turn++) {
                const bench_way way = (bench_way)((turn + round) % WAYS);
                seconds[step][way][round] = bench_run(&files, &steps[step], way);
            }
        }
    }
    for (int i = 0; i < FILES; i++)
        (void)unlink(files.old[i]);
    (void)chdir("..");
    (void)rmdir(path);
    for (int step = 0; step < STEPS; step++) {
        for (bench_way way = 0; way < WAYS; way++) {
            (void)printf("%s\t%s", steps[step].name, way == ONE_CALL ? "in one call" : "one by one");
            for (int round = 0; round < rounds; round++)
                (void)printf("\t%.3f", seconds[step][way][round] * 1e6 / FILES);
            (void)printf("\n");
        }
    }
    return 0;
}
