/*
 * Runs a fuzz target once for each file that is named, or that is in a directory that is named, without libFuzzer: so
 * the fuzzers' seeds and findings belong to the ordinary tests, with any compiler.
 *
 *     replay_TARGET [DIRECTORY-OR-FILE...]
 *
 * A target that finds a fault ends the process, and the last name printed is that of its input. With REPLAY_XML in the
 * environment, the results are written to that file as JUnit XML, a test for each input.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static size_t inputs;
static FILE *results;

static void run(const char *path) {
    enum { INPUT_MAX = 1 << 20 };
    FILE *const file = fopen(path, "rb");
    uint8_t *const buffer = malloc(INPUT_MAX);
    fuzz_require(file && buffer);
    const size_t size = fread(buffer, 1, INPUT_MAX, file);
    fuzz_require(!ferror(file) && size < INPUT_MAX);
    (void)fclose(file);
    uint8_t *const data = fuzz_alloc(size);
    memcpy(data, buffer, size);
    free(buffer);
    (void)printf("%s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
    const char *const slash = strrchr(path, '/');
    if (results)
        (void)fprintf(results, "  <testcase name=\"%s\"/>\n", slash ? slash + 1 : path);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void run_all(const char *path) {
    struct stat status;
    fuzz_require(stat(path, &status) == 0);
    if (!S_ISDIR(status.st_mode)) {
        run(path);
        return;
    }
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, is_visible, alphasort);
    fuzz_require(count >= 0);
    for (int i = 0; i < count; i++) {
        char name[4096];
        const int length = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        fuzz_require(length > 0 && (size_t)length < sizeof name);
        run(name);
        free(entries[i]);
    }
    free((void *)entries);
}

int main(int argc, char **argv) {
    const char *const xml = getenv("REPLAY_XML");
    if (xml) {
        results = fopen(xml, "w");
        fuzz_require(results != NULL);
        (void)fputs("<testsuite>\n", results);
    }
    for (int i = 1; i < argc; i++)
        run_all(argv[i]);
    (void)printf("%zu inputs\n", inputs);
    if (results)
        fuzz_require(fputs("</testsuite>\n", results) >= 0 && fclose(results) == 0);
    return inputs > 0 ? 0 : 1;
}
