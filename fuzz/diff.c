/*
 * Deltas between two files at hand: the reference patch makes the new file of them; they are the same for any number of
 * threads, from sources of every kind, and in any memory that the index gets they are right, if not the same.
 *
 * Input: a byte for the memory, the old file, a script that makes the new one.
 */
#include "operations.h"
#include "reference.h"

static rd_memory diff(const rd_source *old_file, const rd_source *new_file, unsigned threads, uint64_t memory,
                      int compression) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_options options = {FUZZ_OPTIONS(NULL), .threads = threads, .limits.memory = memory};
    options.compression = compression;
    fuzz_require(rd_diff_make(old_file, new_file, &sink, &options) == RD_OK);
    return made;
}

static void check_made(const fuzz_files *f, const rd_memory *delta) {
    fuzz_reference reference = fuzz_reference_patch(&f->old_file, delta);
    fuzz_require(reference.verdict == FUZZ_DONE && fuzz_same(&reference.made, &f->new_file));
    rd_memory_free(&reference.made);
}

static rd_result read_in_order(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_source source = fuzz_source(context);
    return rd_source_read(&source, offset, data, size, got, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const uint64_t memory = (uint64_t)1 << (fuzz_byte(&in) % 32);
    fuzz_files f = {.params = {0}};
    if (!fuzz_files_from(&f, &in))
        return 0;
    const rd_source old_file = fuzz_source(&f.old_file);
    const rd_source new_file = fuzz_source(&f.new_file);
    rd_memory plain = diff(&old_file, &new_file, 1, memory, 0);
    check_made(&f, &plain);

    const rd_source pages = rd_source_callback(read_in_order, &f.old_file, f.old_file.size, RD_SEEKABLE);
    const rd_source pipe = rd_source_callback(read_in_order, &f.new_file, RD_UNKNOWN, 0);
    rd_memory again = diff(&pages, &pipe, 3, memory, 0);
    fuzz_require(fuzz_same(&plain, &again));

    if (rd_compression_max() > 0) {
        rd_memory packed = diff(&old_file, &new_file, 2, memory, 1);
        rd_memory made = {0};
        const rd_source delta = fuzz_source(&packed);
        const rd_sink sink = rd_sink_memory(&made);
        fuzz_require(rd_patch_apply(&old_file, &delta, &sink, NULL) == RD_OK);
        fuzz_require(fuzz_same(&made, &f.new_file));
        rd_memory_free(&packed);
        rd_memory_free(&made);
    }
    rd_memory_free(&plain);
    rd_memory_free(&again);
    fuzz_files_free(&f);
    return 0;
}
