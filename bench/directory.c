/*
 * What ten thousand files of 4 KiB cost, written through one open directory and one by one. bench/directory makes a
 * table of what is printed: for each case and way the seconds of each round.
 *
 * Each round has two directories, one for each way. First all rounds write new files (to free names, which are not
 * flushed), then all rounds replace them safely (that is, flushed first): some file systems create files more slowly
 * soon after others were deleted, and replacing deletes. The two ways take turns at being first, and the disk is idle
 * before each measurement (sync).
 */
#define _GNU_SOURCE
#include "redelta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 10000, FILE_SIZE = 4096, ROUNDS_MAX = 99, CASES = 2, PLACE_SIZE = 1024, PATH_SIZE = PLACE_SIZE + 64 };

typedef enum bench_way { ONE_DIRECTORY, ONE_BY_ONE, WAYS } bench_way;

typedef struct bench_case {
    const char *name;
    rd_replace replace;
    double seconds[WAYS][ROUNDS_MAX];
} bench_case;

static void bench_check(rd_result result, const rd_error *error) {
    if (result == RD_OK)
        return;
    (void)fprintf(stderr, "bench/directory: %s (errno %d)\n", error->reason, error->system_error);
    exit(1);
}

static double bench_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The directory of a round for one way. */
static void bench_directory(char path[PATH_SIZE], const char *place, int round, int way) {
    (void)snprintf(path, PATH_SIZE, "%.*s/%d-%d", PLACE_SIZE, place, round, way);
}

/* The name of a file in the directory, or the path through the directory. */
static void bench_path(char path[PATH_SIZE], const char *directory, int number) {
    (void)snprintf(path, PATH_SIZE, "%.*s%sfile-%05d", PLACE_SIZE + 32, directory, *directory ? "/" : "", number);
}

/* Seconds to write all files. */
static double bench_write(const char *place, bench_way way, rd_replace replace) {
    static uint8_t data[FILE_SIZE];
    char path[PATH_SIZE];
    rd_directory *directory = NULL;
    rd_error error = {.reason = ""};
    for (size_t i = 0; i < sizeof data; i++) /* other bytes than before */
        data[i] = (uint8_t)(data[i] * 5 + i + 1);
    sync();

    const double start = bench_now();
    if (way == ONE_DIRECTORY)
        bench_check(rd_directory_open(&directory, place, &error), &error);
    for (int i = 0; i < FILES; i++) {
        rd_destination *destination = NULL;
        bench_path(path, directory ? "" : place, i);
        if (directory)
            bench_check(rd_destination_open_at(&destination, directory, path, replace, &error), &error);
        else
            bench_check(rd_destination_open(&destination, path, replace, &error), &error);
        const rd_sink sink = rd_destination_sink(destination);
        bench_check(rd_sink_write(&sink, data, sizeof data, &error), &error);
        bench_check(rd_destination_commit(destination, &error), &error);
    }
    if (directory)
        bench_check(rd_directory_close(directory, &error), &error);
    return bench_now() - start;
}

static void bench_remove(const char *place, int rounds) {
    char directory[PATH_SIZE];
    char path[PATH_SIZE];
    for (int turn = 0; turn < rounds * WAYS; turn++) {
        bench_directory(directory, place, turn / WAYS, turn % WAYS);
        for (int i = 0; i < FILES; i++) {
            bench_path(path, directory, i);
            (void)unlink(path);
        }
        (void)rmdir(directory);
    }
    (void)rmdir(place);
}

int main(int argc, char **argv) {
    bench_case cases[CASES] = {{.name = "new", .replace = RD_REPLACE_NEVER},
                               {.name = "replaced safely", .replace = RD_REPLACE_SAFELY}};
    char place[PLACE_SIZE];
    const int rounds = argc == 3 ? atoi(argv[2]) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX ||
        snprintf(place, sizeof place, "%s/redelta-bench-XXXXXX", argv[1]) >= PLACE_SIZE || !mkdtemp(place)) {
        (void)fprintf(stderr, "bench/directory: give a directory to write in, and a number of rounds up to 99\n");
        return 1;
    }
    for (bench_case *c = cases; c < cases + CASES; c++) {
        for (int turn = 0; turn < rounds * WAYS; turn++) {
            const int round = turn / WAYS;
            const bench_way way = (bench_way)((round + turn) % WAYS);
            char directory[PATH_SIZE];
            bench_directory(directory, place, round, way);
            if (mkdir(directory, 0777) != 0 && errno != EEXIST)
                perror(directory);
            c->seconds[way][round] = bench_write(directory, way, c->replace);
        }
    }
    bench_remove(place, rounds);
    for (const bench_case *c = cases; c < cases + CASES; c++) {
        for (bench_way way = 0; way < WAYS; way++) {
            (void)printf("%s\t%s", c->name, way == ONE_DIRECTORY ? "one directory" : "one by one");
            for (int round = 0; round < rounds; round++)
                (void)printf("\t%.6f", c->seconds[way][round]);
            (void)printf("\n");
        }
    }
    return 0;
}
