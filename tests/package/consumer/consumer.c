/*
 * A program as a user of the installed library writes it: the three steps over memory, and a check that the linked
 * library has the version of the header. Exits with 0 if the result is the new file.
 */
#include <redelta.h>

#include <stdio.h>
#include <string.h>

static const char basis[] = "The basis: what the old side has. It is long enough for a few blocks.";
static const char target[] = "The new file. It is long enough for a few blocks, and not for many.";

static rd_result make_delta(const rd_memory *signature_file, const rd_sink *out) {
    const rd_source signature_source = rd_source_memory(signature_file->data, signature_file->size);
    const rd_source new_file = rd_source_memory(target, sizeof target);
    rd_signature *signature = NULL;
    rd_result result = rd_signature_load(&signature, &signature_source, NULL);
    if (result == RD_OK) {
        result = rd_delta_make(signature, &new_file, out, NULL);
    }
    rd_signature_free(signature);
    return result;
}

static rd_result synchronise(rd_memory *signature, rd_memory *delta, rd_memory *result) {
    const rd_options options = {.size = sizeof options, .params = {.block_len = 8}};
    const rd_source basis_source = rd_source_memory(basis, sizeof basis);
    const rd_sink signature_sink = rd_sink_memory(signature);
    const rd_sink delta_sink = rd_sink_memory(delta);
    const rd_sink result_sink = rd_sink_memory(result);
    rd_result done = rd_signature_make(&basis_source, &signature_sink, &options);
    if (done == RD_OK) {
        done = make_delta(signature, &delta_sink);
    }
    if (done == RD_OK) {
        const rd_source delta_source = rd_source_memory(delta->data, delta->size);
        done = rd_patch_apply(&basis_source, &delta_source, &result_sink, NULL);
    }
    return done;
}

static int is_version_of_header(void) {
    char version[32];
    (void)snprintf(version, sizeof version, "%d.%d.%d", RD_VERSION_MAJOR, RD_VERSION_MINOR, RD_VERSION_PATCH);
    return strcmp(version, rd_version()) == 0;
}

int main(void) {
    rd_memory signature = {0};
    rd_memory delta = {0};
    rd_memory result = {0};
    const rd_result done = synchronise(&signature, &delta, &result);
    const int equal = result.size == sizeof target && memcmp(result.data, target, sizeof target) == 0;
    (void)printf("redelta %s: %s\n", rd_version(), rd_result_message(done));
    rd_memory_free(&signature);
    rd_memory_free(&delta);
    rd_memory_free(&result);
    return done == RD_OK && equal && is_version_of_header() ? 0 : 1;
}
