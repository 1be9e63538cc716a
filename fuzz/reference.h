/*
 * What a delta makes, determined a second time and in the plainest way: the whole delta and the whole basis in memory,
 * one command after the other. Written from the description of the format, independent of the library.
 */
#ifndef RD_FUZZ_REFERENCE_H
#define RD_FUZZ_REFERENCE_H

#include "fuzz.h"

typedef enum fuzz_verdict {
    FUZZ_DONE,
    FUZZ_BROKEN,      /* not a delta, or one that ends too early or is corrupt */
    FUZZ_BASIS_ENDED, /* a copy goes beyond the basis */
    FUZZ_TOO_LARGE    /* for a fuzz target */
} fuzz_verdict;

typedef struct fuzz_reference {
    fuzz_verdict verdict;
    rd_memory made;
    size_t end;      /* where the END command ends, if the verdict is FUZZ_DONE */
    size_t commands; /* executed, without END */
} fuzz_reference;

enum { FUZZ_MADE_MAX = 512 * 1024 };

static inline bool fuzz_operand(fuzz_input *in, size_t width, uint64_t *value) {
    const fuzz_input bytes = fuzz_take(in, width);
    *value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        *value = *value << 8 | bytes.data[i];
    return bytes.size == width;
}

static inline fuzz_verdict fuzz_make(fuzz_reference *r, const uint8_t *from, size_t available, uint64_t length,
                                     fuzz_verdict without) {
    if (length > available)
        return without;
    if (length > FUZZ_MADE_MAX - r->made.size)
        return FUZZ_TOO_LARGE;
    fuzz_append(&r->made, from, (size_t)length);
    r->commands++;
    return FUZZ_DONE;
}

static inline fuzz_verdict fuzz_literal(fuzz_reference *r, fuzz_input *in, uint64_t length) {
    if (length == 0)
        return FUZZ_BROKEN;
    const fuzz_verdict verdict = fuzz_make(r, in->data, in->size, length, FUZZ_BROKEN);
    if (verdict == FUZZ_DONE)
        fuzz_take(in, (size_t)length);
    return verdict;
}

static inline fuzz_verdict fuzz_copy_command(fuzz_reference *r, const rd_memory *basis, uint64_t offset,
                                             uint64_t length) {
    if (length == 0 || offset > INT64_MAX || length > INT64_MAX - offset)
        return FUZZ_BROKEN;
    if (offset > basis->size)
        return FUZZ_BASIS_ENDED;
    const uint8_t *const from = basis->size > 0 ? basis->data + offset : NULL;
    return fuzz_make(r, from, basis->size - (size_t)offset, length, FUZZ_BASIS_ENDED);
}

/* Sets *ended if it was END. */
static inline fuzz_verdict fuzz_command(fuzz_reference *r, fuzz_input *in, const rd_memory *basis, bool *ended) {
    uint64_t code = 0;
    uint64_t offset = 0;
    uint64_t length = 0;
    if (!fuzz_operand(in, 1, &code) || code >= 0x55)
        return FUZZ_BROKEN;
    *ended = code == 0;
    if (code == 0)
        return FUZZ_DONE;
    if (code <= 0x40)
        return fuzz_literal(r, in, code);
    if (code < 0x45)
        return fuzz_operand(in, (size_t)1 << (code - 0x41), &length) ? fuzz_literal(r, in, length) : FUZZ_BROKEN;
    const size_t offset_width = (size_t)1 << (code - 0x45) / 4;
    const size_t length_width = (size_t)1 << (code - 0x45) % 4;
    if (!fuzz_operand(in, offset_width, &offset) || !fuzz_operand(in, length_width, &length))
        return FUZZ_BROKEN;
    return fuzz_copy_command(r, basis, offset, length);
}

/* r.made is to be freed. */
static inline fuzz_reference fuzz_reference_patch(const rd_memory *basis, const rd_memory *delta) {
    static const uint8_t magic[4] = {0x72, 0x73, 0x02, 0x36};
    fuzz_reference r = {.verdict = FUZZ_BROKEN};
    fuzz_input in = {.data = delta->data, .size = delta->size};
    const fuzz_input begin = fuzz_take(&in, sizeof magic);
    bool ended = false;
    if (fuzz_same_bytes(begin.data, begin.size, magic, sizeof magic))
        r.verdict = FUZZ_DONE;
    while (r.verdict == FUZZ_DONE && !ended)
        r.verdict = fuzz_command(&r, &in, basis, &ended);
    r.end = delta->size - in.size;
    return r;
}

#endif
