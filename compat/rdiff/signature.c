/*
 * signature.c: a signature read as librsync's rdiff reads it. redelta's own loader is stricter in what it takes for a
 * signature, and looks at the header in another order, so that the exit status would differ. Therefore the header is
 * judged here, in the order of librsync: lengths before magic number, each as soon as it is there; a zero where the
 * magic number or the strong sum length should be stands for the default; a rest at the end that is shorter than a weak
 * sum is no error. What is handed on after that is a signature as redelta wants it.
 */
#define _POSIX_C_SOURCE 200809L

#include "signature.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"

enum { HEADER = 12, WEAK_LEN = 4, MD4_LEN = 16, CHUNK = 1 << 16 };

typedef struct input {
    int fd;
    cli_failure *failure;
} input;

static rd_result fail(const input *in, rd_result result, const char *reason) {
    in->failure->error =
        (rd_error){.result = result, .role = RD_ROLE_SIGNATURE, .offset = RD_UNKNOWN, .reason = reason};
    return result;
}

/* Reads `size` bytes; *got is less only at the end. */
static rd_result read_full(const input *in, uint8_t *data, size_t size, size_t *got) {
    *got = 0;
    while (*got < size) {
        const ssize_t count = read(in->fd, data + *got, size - *got);
        if (count == 0)
            break;
        if (count > 0)
            *got += (size_t)count;
        else if (errno != EINTR)
            return failure_system(in->failure, RD_ROLE_SIGNATURE, "cannot be read");
        if (interrupt_caught())
            return fail(in, RD_E_CANCELLED, "interrupted");
    }
    return RD_OK;
}

/* ---- The header ------------------------------------------------------------------------------------------------- */

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Judges the `size` bytes that there are of a header, and puts defaults in the place of zeros. */
static rd_result settle_header(const input *in, uint8_t *header, size_t size) {
    static const uint8_t default_magic[4] = {'r', 's', 0x01, 0x47}; /* RabinKarp and BLAKE2 */
    const uint32_t block_len = size >= 8 ? big_endian(header + 4) : 1;
    if (block_len == 0 || block_len > RD_BLOCK_LEN_MAX)
        return fail(in, RD_E_CORRUPT, "the block length is out of range");
    if (size < HEADER)
        return fail(in, RD_E_TRUNCATED, "the signature ends inside its header");
    const uint32_t strong_len = big_endian(header + 8);
    if (strong_len > RD_STRONG_LEN_MAX)
        return fail(in, RD_E_CORRUPT, "the strong sum length is out of range");
    if (big_endian(header) == 0)
        memcpy(header, default_magic, sizeof default_magic);
    if (rd_identify(header, HEADER) != RD_KIND_SIGNATURE)
        return fail(in, RD_E_MAGIC, "not a signature");
    const uint8_t most = (header[3] & 0x0f) == 6 ? MD4_LEN : RD_STRONG_LEN_MAX; /* 36 and 46 are those with MD4 */
    if (strong_len > most)
        return fail(in, RD_E_PARAMETER, "the strong sum length is more than the hash has");
    if (strong_len == 0)
        header[HEADER - 1] = most;
    return RD_OK;
}

/* ---- The sums --------------------------------------------------------------------------------------------------- */

static rd_result feed(const input *in, rd_stream *stream, const uint8_t *data, size_t size, bool end) {
    rd_in bytes = {data, size, 0};
    rd_out nothing = {0};
    rd_result result;
    do
        result = rd_stream_step(stream, &bytes, &nothing, end);
    while (result == RD_MORE && bytes.pos < size);
    if (result != RD_OK && result != RD_MORE)
        in->failure->error = *rd_stream_error(stream);
    return result;
}

/* Reads whole entries of `entry` bytes at a time, so that what is too short for one is seen at the end. */
static rd_result feed_entries(const input *in, rd_stream *stream, size_t entry) {
    static uint8_t chunk[CHUNK];
    const size_t room = CHUNK / entry * entry;
    rd_result result = RD_MORE;
    while (result == RD_MORE) {
        size_t got;
        const rd_result read = read_full(in, chunk, room, &got);
        if (read != RD_OK)
            return read;
        const size_t rest = got % entry;
        result = feed(in, stream, chunk, rest < WEAK_LEN ? got - rest : got, got < room);
    }
    return result;
}

rd_result signature_load(rd_signature **signature, int fd, rd_stats *stats, cli_failure *failure) {
    const input in = {fd, failure};
    uint8_t header[HEADER];
    size_t got;
    rd_stream *stream;
    *signature = NULL;
    rd_result result = read_full(&in, header, HEADER, &got);
    if (result == RD_OK)
        result = settle_header(&in, header, got);
    if (result != RD_OK)
        return result;
    if (rd_loadsig_stream_new(&stream, NULL) != RD_OK)
        return fail(&in, RD_E_MEMORY, "out of memory");
    result = feed(&in, stream, header, HEADER, false);
    if (result == RD_MORE)
        result = feed_entries(&in, stream, (size_t)WEAK_LEN + header[HEADER - 1]);
    *stats = *rd_stream_stats(stream);
    if (result == RD_OK)
        result = rd_stream_take_signature(stream, signature);
    rd_stream_free(stream);
    return result;
}
