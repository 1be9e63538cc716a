/* See operation.h. */
#include "file/operation.h"

#include "base/pipeline.h"

void rd__operation_begin(rd__operation *operation, const rd_options *options, uint64_t total) {
    *operation = (rd__operation){.options = rd__options_from(options), .job = {.total = total}};
    operation->job.progress = operation->options.progress;
    operation->job.progress_context = operation->options.progress_context;
    operation->job.limits = operation->options.limits;
    operation->job.compression = operation->options.compression;
}

unsigned rd__operation_threads(const rd__operation *operation) {
    const unsigned threads = operation->options.threads;
    return threads > 0 ? threads : rd__processor_count();
}

rd_result rd__operation_end(const rd__operation *operation, rd_result result) {
    if (operation->options.stats)
        *operation->options.stats = operation->job.stats;
    if (result != RD_OK && operation->options.error)
        *operation->options.error = operation->job.error;
    return result;
}
