/* The signature of a whole file. */
#include "base/memory.h"
#include "base/result.h"
#include "engine/signer.h"
#include "file/feed.h"
#include "file/operation.h"
#include "io/sink.h"

#include <stdlib.h>

/* Entries made at once; blocks may be as short as a byte. */
enum { ENTRIES_MAX = 1024 };

typedef struct maker {
    rd__signer signer;
    rd__writer *writer;
    rd_stats *stats;
    uint8_t entries[ENTRIES_MAX * RD__ENTRY_MAX];
} maker;

static rd_result put_entries(maker *m, size_t blocks) {
    m->stats->blocks += blocks;
    return rd__writer_put(m->writer, m->entries, blocks * rd__entry_size(&m->signer.params));
}

static rd_result sign_chunk(maker *m, const uint8_t *data, size_t size) {
    rd_result result = RD_OK;
    while (size > 0 && result == RD_OK) {
        size_t taken = 0;
        result = put_entries(m, rd__signer_take(&m->signer, data, size, &taken, m->entries, ENTRIES_MAX));
        data += taken;
        size -= taken;
    }
    return result;
}

/* Chunks are of whole blocks where they can be, so that no block comes in two pieces. */
static size_t chunk_size(const rd_params *params) {
    return params->block_len < RD__CHUNK ? RD__CHUNK - RD__CHUNK % params->block_len : RD__CHUNK;
}

static rd_result sign_all(maker *m, rd__feed *feed, uint8_t *chunk, size_t size) {
    uint8_t header[RD__SIGNATURE_HEADER_LEN];
    rd__signature_put_header(header, &m->signer.params);
    rd_result result = rd__writer_put(m->writer, header, sizeof header);
    while (result == RD_OK && !feed->ended) {
        size_t got = 0;
        result = rd__feed_read(feed, chunk, size, &got);
        if (result == RD_OK)
            result = sign_chunk(m, chunk, got);
    }
    if (result == RD_OK)
        result = put_entries(m, rd__signer_finish(&m->signer, m->entries));
    return result == RD_OK ? rd__writer_flush(m->writer) : result;
}

static rd_result make(rd__operation *operation, const rd_source *basis, const rd_sink *out) {
    rd__job *const job = &operation->job;
    rd_params params = operation->options.params;
    if (rd_params_resolve(&params, basis->size) != RD_OK)
        return rd__fail(&job->error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN,
                        "the block length or the strong sum length is out of range");
    rd__writer writer;
    rd__feed feed = {.source = basis, .job = job, .role = RD_ROLE_BASIS};
    rd_result result = rd__writer_init(&writer, out, job);
    maker *const m = rd__alloc_array(1, sizeof *m);
    uint8_t *const chunk = rd__alloc_array(chunk_size(&params), 1);
    if (result == RD_OK && (!m || !chunk))
        result = rd__fail_memory(&job->error);
    if (result == RD_OK) {
        m->writer = &writer;
        m->stats = &job->stats;
        rd__signer_init(&m->signer, rd__kernels_best(), &params);
        result = sign_all(m, &feed, chunk, chunk_size(&params));
    }
    free(chunk);
    free(m);
    rd__writer_free(&writer);
    return result;
}

rd_result rd_signature_make(const rd_source *basis, const rd_sink *out, const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, basis->size);
    return rd__operation_end(&operation, make(&operation, basis, out));
}
