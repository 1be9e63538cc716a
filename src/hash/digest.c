/* See digest.h. */
#include "hash/digest.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum {
    BATCH_LEVELS = 8,
    BATCH_CHUNKS = 1 << BATCH_LEVELS, /* hashed level by level: enough for all lanes, and their sums fit in the cache */
    GATHERED_SIZE = 32 * RD__BLAKE3_CHUNK /* twice as many chunks as the widest kernel has lanes */
};

void rd__digest_init(rd__digest *digest, uint64_t start) {
    digest->start = digest->end = start;
    digest->ended = false;
    digest->count = 0;
}

/*
 * Merges the last nodes, as far as they are children of one parent. Only a parent of all chunks from the start of the
 * file may be the root; if `more` follows, none is.
 */
static void digest_merge(rd__digest *d, bool more) {
    while (d->count >= 2) {
        const size_t last = d->count - 1;
        const uint8_t level = d->levels[last];
        const bool may_be_root = !more && d->start == 0 && d->count == 2;
        if (d->levels[last - 1] != level || d->end % ((uint64_t)2 << level) != 0 || may_be_root)
            return;
        rd__blake3_parent(d->nodes[last - 1], false, d->nodes[last - 1]);
        d->levels[last - 1]++;
        d->count--;
    }
}

static void digest_push(rd__digest *d, const uint8_t *node, uint8_t level) {
    assert(!d->ended && d->end % ((uint64_t)1 << level) == 0);
    digest_merge(d, true);
    assert(d->count < RD__DIGEST_NODES);
    memcpy(d->nodes[d->count], node, RD__BLAKE3_LEN);
    d->levels[d->count++] = level;
    d->end += (uint64_t)1 << level;
}

/*
 * Pushes the nodes over `count` whole chunks that follow the range, of which `sums` has the sums; it is overwritten.
 *
 * Level by level, the nodes of a level are merged in pairs, many at once. A node whose sibling lies before these chunks
 * is pushed at once; one whose sibling lies after them, when all before it are. Two nodes are left as they are: their
 * parent could be the root.
 */
static void digest_push_chunks(rd__digest *d, const rd__kernels *kernels, uint8_t *sums, size_t count) {
    const uint8_t *right[BATCH_LEVELS];
    uint8_t right_levels[BATCH_LEVELS];
    size_t right_count = 0;
    uint64_t position = d->end; /* of the first node, among those of its level */
    uint8_t level = 0;
    for (; count > 2; count /= 2, position /= 2, level++) {
        if (position % 2 == 1) {
            digest_push(d, sums, level);
            sums += RD__BLAKE3_LEN;
            position++;
            count--;
        }
        if (count % 2 == 1) {
            count--;
            right[right_count] = sums + count * RD__BLAKE3_LEN;
            right_levels[right_count++] = level;
        }
        const rd__blake3_nodes parents = rd__blake3_parents(sums);
        kernels->blake3_many(&parents, count / 2, sums);
    }
    for (size_t i = 0; i < count; i++)
        digest_push(d, sums + i * RD__BLAKE3_LEN, level);
    while (right_count-- > 0)
        digest_push(d, right[right_count], right_levels[right_count]);
}

/* Appends bytes that follow each other in memory, or (with a stride of 0) zeros of which a chunk is given. */
static void digest_append(rd__digest *d, const rd__kernels *kernels, const uint8_t *data, size_t stride,
                          uint64_t size) {
    uint8_t sums[BATCH_CHUNKS * RD__BLAKE3_LEN];
    const size_t rest = (size_t)(size % RD__BLAKE3_CHUNK);
    if (d->end == 0 && size <= RD__BLAKE3_CHUNK) {
        /* Perhaps it is the whole file. */
        rd__blake3_chunk(data, (size_t)size, 0, sums, d->alone);
        if (size > 0)
            digest_push(d, sums, 0);
        d->ended = rest > 0;
        return;
    }
    for (uint64_t left = size / RD__BLAKE3_CHUNK; left > 0;) {
        const size_t count = (size_t)rd__min_u64(left, BATCH_CHUNKS);
        const rd__blake3_nodes chunks = rd__blake3_chunks(data, stride, d->end);
        kernels->blake3_many(&chunks, count, sums);
        digest_push_chunks(d, kernels, sums, count);
        data += count * stride;
        left -= count;
    }
    if (rest > 0) {
        rd__blake3_chunk(data, rest, d->end, sums, NULL);
        digest_push(d, sums, 0);
        d->ended = true;
    }
}

void rd__digest_add(rd__digest *digest, const rd__kernels *kernels, const uint8_t *data, size_t size) {
    digest_append(digest, kernels, data, RD__BLAKE3_CHUNK, size);
}

void rd__digest_add_zeros(rd__digest *digest, const rd__kernels *kernels, uint64_t size) {
    static const uint8_t zeros[RD__BLAKE3_CHUNK];
    digest_append(digest, kernels, zeros, 0, size);
}

void rd__digest_join(rd__digest *digest, const rd__digest *next) {
    assert(digest->end == next->start);
    if (digest->end == 0)
        memcpy(digest->alone, next->alone, sizeof digest->alone);
    for (size_t i = 0; i < next->count; i++)
        digest_push(digest, next->nodes[i], next->levels[i]);
    digest->ended = next->ended;
}

uint8_t rd__digest_level(uint64_t start, uint64_t at, uint64_t end) {
    uint8_t level = 0;
    while (level < RD__DIGEST_LEVELS && at % ((uint64_t)2 << level) == 0 && end - at >= (uint64_t)2 << level)
        level++;
    /* One node over all from the start of the file would be the root if nothing followed. */
    const bool may_be_root = start == 0 && at == 0 && level > 0 && end == (uint64_t)1 << level;
    return may_be_root ? (uint8_t)(level - 1) : level;
}

void rd__digest_settle(rd__digest *digest) {
    digest_merge(digest, false);
}

void rd__digest_add_node(rd__digest *digest, const uint8_t *node, uint8_t level) {
    digest_push(digest, node, level);
}

/* From right to left, each parent over all that is to the right of its left child. */
static void digest_fold(const rd__digest *digest, bool is_root, uint8_t sum[RD__BLAKE3_LEN]) {
    uint8_t children[2 * RD__BLAKE3_LEN];
    uint8_t *const right = children + RD__BLAKE3_LEN;
    memcpy(right, digest->nodes[digest->count - 1], RD__BLAKE3_LEN);
    for (size_t i = digest->count - 1; i-- > 0;) {
        memcpy(children, digest->nodes[i], RD__BLAKE3_LEN);
        rd__blake3_parent(children, is_root && i == 0, right);
    }
    memcpy(sum, right, RD__BLAKE3_LEN);
}

void rd__digest_node(const rd__digest *digest, uint8_t node[RD__BLAKE3_LEN]) {
    assert(digest->count > 0);
    digest_fold(digest, false, node);
}

void rd__digest_final(const rd__digest *digest, uint8_t sum[RD__BLAKE3_LEN]) {
    assert(digest->start == 0);
    if (digest->count == 0) {
        uint8_t node[RD__BLAKE3_LEN];
        rd__blake3_chunk(NULL, 0, 0, node, sum);
        return;
    }
    if (digest->count == 1) {
        assert(digest->end == 1);
        memcpy(sum, digest->alone, RD__BLAKE3_LEN);
        return;
    }
    digest_fold(digest, true, sum);
}

/* Makes the digest of a file of its chunks' sums: whole chunks and, unless it is NULL, one that is not. */
static void digest_file_of(const rd__digest_file *file, const uint8_t *whole, const uint8_t *rest) {
    const size_t count = file->size / RD__BLAKE3_CHUNK;
    if (count + (rest != NULL) == 1) {
        memcpy(file->digest, rest ? rest : whole, RD__BLAKE3_LEN);
        return;
    }
    rd__digest d;
    rd__digest_init(&d, 0);
    for (size_t i = 0; i < count; i++)
        digest_push(&d, whole + i * RD__BLAKE3_LEN, 0);
    if (rest)
        digest_push(&d, rest, 0);
    rd__digest_final(&d, file->digest);
}

/*
 * Of as many of the files, at least one, as there is room for here, whose number is returned. Whole chunks and others
 * are hashed apart, so that most lanes end together.
 */
static size_t digest_some_files(const rd__kernels *kernels, const rd__digest_file *files, size_t count) {
    enum { WHOLE_MAX = 64, RESTS_MAX = 32 };
    rd__blake3_message whole[WHOLE_MAX];
    rd__blake3_message rests[RESTS_MAX];
    uint8_t whole_sums[WHOLE_MAX * RD__BLAKE3_LEN];
    uint8_t rest_sums[RESTS_MAX * RD__BLAKE3_LEN];
    size_t whole_count = 0;
    size_t rest_count = 0;
    size_t taken = 0;
    for (; taken < count && rest_count < RESTS_MAX; taken++) {
        const rd__digest_file *const f = &files[taken];
        const size_t chunks = f->size / RD__BLAKE3_CHUNK;
        const size_t rest = f->size % RD__BLAKE3_CHUNK;
        assert(f->size <= RD__DIGEST_SMALL);
        if (chunks > WHOLE_MAX - whole_count)
            break;
        for (size_t i = 0; i < chunks; i++)
            whole[whole_count++] = (rd__blake3_message){.data = f->data + i * RD__BLAKE3_CHUNK,
                                                        .size = RD__BLAKE3_CHUNK,
                                                        .number = i,
                                                        .alone = f->size == RD__BLAKE3_CHUNK};
        if (rest > 0 || chunks == 0)
            rests[rest_count++] = (rd__blake3_message){
                .data = f->data + chunks * RD__BLAKE3_CHUNK, .size = rest, .number = chunks, .alone = chunks == 0};
    }
    kernels->blake3_each(whole, whole_count, whole_sums);
    kernels->blake3_each(rests, rest_count, rest_sums);
    const uint8_t *next = whole_sums;
    const uint8_t *rest = rest_sums;
    for (size_t i = 0; i < taken; i++) {
        const size_t chunks = files[i].size / RD__BLAKE3_CHUNK;
        const bool has_rest = files[i].size % RD__BLAKE3_CHUNK > 0 || chunks == 0;
        digest_file_of(&files[i], next, has_rest ? rest : NULL);
        next += chunks * RD__BLAKE3_LEN;
        rest += has_rest ? RD__BLAKE3_LEN : 0;
    }
    return taken;
}

void rd__digest_files(const rd__kernels *kernels, const rd__digest_file *files, size_t count) {
    for (size_t done = 0; done < count;)
        done += digest_some_files(kernels, files + done, count - done);
}

bool rd__digester_init(rd__digester *digester, const rd__kernels *kernels) {
    digester->kernels = kernels;
    digester->gathered = rd__alloc_buffer(GATHERED_SIZE, 1);
    rd__digester_reset(digester);
    return digester->gathered != NULL;
}

void rd__digester_reset(rd__digester *digester) {
    digester->size = 0;
    digester->filled = 0;
    rd__digest_init(&digester->digest, 0);
}

/* Hashes what was gathered. */
static void digester_flush(rd__digester *digester) {
    rd__digest_add(&digester->digest, digester->kernels, digester->gathered, digester->filled);
    digester->filled = 0;
}

void rd__digester_take(rd__digester *digester, const uint8_t *data, size_t size) {
    digester->size += size;
    while (size > 0) {
        if (digester->filled == 0 && size >= GATHERED_SIZE) {
            const size_t whole = size / RD__BLAKE3_CHUNK * RD__BLAKE3_CHUNK;
            rd__digest_add(&digester->digest, digester->kernels, data, whole);
            data += whole;
            size -= whole;
            continue;
        }
        const size_t taken = rd__min_size(size, GATHERED_SIZE - digester->filled);
        memcpy(digester->gathered + digester->filled, data, taken);
        digester->filled += taken;
        data += taken;
        size -= taken;
        if (digester->filled == GATHERED_SIZE)
            digester_flush(digester);
    }
}

void rd__digester_take_zeros(rd__digester *digester, uint64_t size) {
    static const uint8_t zeros[RD__BLAKE3_CHUNK];
    while (size > 0) {
        /* Up to a chunk's end, and after the last whole one, as bytes; in between they need not be anywhere. */
        const size_t begun = digester->filled % RD__BLAKE3_CHUNK;
        const uint64_t whole = begun == 0 ? size / RD__BLAKE3_CHUNK * RD__BLAKE3_CHUNK : 0;
        if (whole > 0) {
            digester_flush(digester);
            rd__digest_add_zeros(&digester->digest, digester->kernels, whole);
            digester->size += whole;
            size -= whole;
        } else {
            const size_t taken = (size_t)rd__min_u64(size, RD__BLAKE3_CHUNK - begun);
            rd__digester_take(digester, zeros, taken);
            size -= taken;
        }
    }
}

void rd__digester_join(rd__digester *digester, const rd__digest *next) {
    assert(digester->filled % RD__BLAKE3_CHUNK == 0);
    digester_flush(digester);
    rd__digest_join(&digester->digest, next);
    digester->size += (next->end - next->start) * RD__BLAKE3_CHUNK;
}

void rd__digester_final(rd__digester *digester, uint8_t sum[RD__BLAKE3_LEN]) {
    digester_flush(digester);
    rd__digest_final(&digester->digest, sum);
}

void rd__digester_free(rd__digester *digester) {
    rd__free_buffer(digester->gathered);
    digester->gathered = NULL;
}
