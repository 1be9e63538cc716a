/*
 * What ten thousand files of 4 KiB cost in one process: signatures, deltas and patches, each with one context and one
 * open directory for all files, and with neither. bench/small-files makes a table of what is printed: for each step and
 * way the microseconds per file of each round.
 *
 * A new version differs from the old one in 100 bytes. Signatures stay in memory; deltas are new files; patches replace
 * the old version safely (that is, flushed first). Each round has a directory for each way; the two take turns at being
 * first, and the disk is idle before each measurement (sync).
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

enum { FILES = 10000, FILE_SIZE = 4096, ROUNDS_MAX = 99, PATH_SIZE = 1024, NAME_SIZE = 32 };

typedef enum bench_step { SIGN, DELTA, PATCH, STEPS } bench_step;
typedef enum bench_way { TOGETHER, ONE_BY_ONE, WAYS } bench_way;

static const char *const steps[STEPS] = {"signature", "delta", "patch"};

typedef struct bench_files {
    char path[PATH_SIZE]; /* of their directory */
    rd_memory signatures[FILES];
    rd_context *context;     /* or NULL: one by one */
    rd_directory *directory; /* or NULL: one by one */
} bench_files;

static void bench_fail(const char *reason) {
    (void)fprintf(stderr, "bench/small-files: %s\n", reason);
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

static void bench_name(char *name, const char *kind, int number) {
    (void)snprintf(name, NAME_SIZE, "%s-%d", kind, number);
}

static int bench_open(const bench_files *f, const char *kind, int number, int flags) {
    char name[NAME_SIZE];
    char path[PATH_SIZE + NAME_SIZE];
    bench_name(name, kind, number);
    (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
    const int fd = open(path, flags, 0600);
    if (fd < 0)
        bench_fail("cannot open a file");
    return fd;
}

/* The old and the new versions. */
static void bench_fill(const bench_files *f) {
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < FILES; i++) {
        uint64_t data[FILE_SIZE / 8];
        for (size_t k = 0; k < FILE_SIZE / 8; k++) { /* xorshift64 (Marsaglia 2003) */
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            data[k] = random;
        }
        for (int version = 0; version < 2; version++) {
            const int fd = bench_open(f, version == 0 ? "old" : "new", i, O_WRONLY | O_CREAT | O_EXCL);
            if (version == 1)
                memset((uint8_t *)data + random % (FILE_SIZE - 100), 'x', 100);
            if (write(fd, data, FILE_SIZE) != FILE_SIZE)
                bench_fail("cannot write a file");
            close(fd);
        }
    }
}

static rd_destination *bench_destination(const bench_files *f, const char *kind, int number, rd_replace replace) {
    char name[NAME_SIZE];
    char path[PATH_SIZE + NAME_SIZE];
    rd_destination *destination = NULL;
    rd_error error;
    bench_name(name, kind, number);
    (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
    bench_check(f->directory ? rd_destination_open_at(&destination, f->directory, name, replace, &error)
                             : rd_destination_open(&destination, path, replace, &error),
                &error);
    return destination;
}

static void bench_one(bench_files *f, bench_step step, int i) {
    rd_error error;
    const rd_options options = {.size = sizeof options, .error = &error, .context = f->context};
    const int fd = bench_open(f, step == DELTA ? "new" : "old", i, O_RDONLY);
    const rd_source file = rd_source_fd(fd);
    if (step == SIGN) {
        const rd_sink sink = rd_sink_memory(&f->signatures[i]);
        bench_check(rd_signature_make(&file, &sink, &options), &error);
        close(fd);
        return;
    }
    rd_destination *const destination =
        bench_destination(f, step == DELTA ? "delta" : "old", i, step == DELTA ? RD_REPLACE_NEVER : RD_REPLACE_SAFELY);
    const rd_sink sink = rd_destination_sink(destination);
    if (step == DELTA) {
        rd_signature *signature = NULL;
        const rd_source bytes = rd_source_memory(f->signatures[i].data, f->signatures[i].size);
        bench_check(rd_signature_load(&signature, &bytes, &options), &error);
        bench_check(rd_delta_make(signature, &file, &sink, &options), &error);
        rd_signature_free(signature);
    } else {
        const int delta = bench_open(f, "delta", i, O_RDONLY);
        const rd_source commands = rd_source_fd(delta);
        bench_check(rd_patch_apply(&file, &commands, &sink, &options), &error);
        close(delta);
    }
    bench_check(rd_destination_commit(destination, &error), &error);
    close(fd);
}

static double bench_run(bench_files *f, bench_step step, bench_way way) {
    rd_error error = {.reason = "out of memory"};
    sync();
    const double start = bench_now();
    if (way == TOGETHER) {
        bench_check(rd_context_new(&f->context), &error);
        if (step != SIGN)
            bench_check(rd_directory_open(&f->directory, f->path, &error), &error);
    }
    for (int i = 0; i < FILES; i++)
        bench_one(f, step, i);
    if (f->directory)
        bench_check(rd_directory_close(f->directory, &error), &error);
    rd_context_free(f->context);
    f->directory = NULL;
    f->context = NULL;
    return bench_now() - start;
}

static void bench_remove(const bench_files *f) {
    static const char *const kinds[] = {"old", "new", "delta"};
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        for (int i = 0; i < FILES; i++) {
            char path[PATH_SIZE + NAME_SIZE];
            (void)snprintf(path, sizeof path, "%s/%s-%d", f->path, kinds[kind], i);
            (void)unlink(path);
        }
    }
    (void)rmdir(f->path);
}

int main(int count, char **arguments) {
    static bench_files files[WAYS];
    static double seconds[STEPS][WAYS][ROUNDS_MAX];
    const int rounds = count == 3 ? atoi(arguments[2]) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX)
        bench_fail("usage: redelta-bench-small-files DIRECTORY ROUNDS");
    for (int round = 0; round < rounds; round++) {
        for (bench_way way = 0; way < WAYS; way++) {
            bench_files *const f = &files[way];
            (void)snprintf(f->path, sizeof f->path, "%s/small-files-%ld-%d", arguments[1], (long)getpid(), (int)way);
            if (mkdir(f->path, 0700) != 0)
                bench_fail("cannot make a directory");
            bench_fill(f);
        }
        for (bench_step step = 0; step < STEPS; step++) {
            for (int turn = 0; turn < WAYS; turn++) {
                const bench_way way = (bench_way)((turn + round) % WAYS);
                seconds[step][way][round] = bench_run(&files[way], step, way);
            }
        }
        for (bench_way way = 0; way < WAYS; way++) {
            for (int i = 0; i < FILES; i++)
                rd_memory_free(&files[way].signatures[i]);
            bench_remove(&files[way]);
        }
    }
    for (bench_step step = 0; step < STEPS; step++) {
        for (bench_way way = 0; way < WAYS; way++) {
            (void)printf("%s\t%s", steps[step], way == TOGETHER ? "together" : "one by one");
            for (int round = 0; round < rounds; round++)
                (void)printf("\t%.3f", seconds[step][way][round] * 1e6 / FILES);
            (void)printf("\n");
        }
    }
    return 0;
}
