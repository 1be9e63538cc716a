/* Numbers of any few bits, one after the other, from the lowest bit of each byte up. */
#ifndef RD_FORMAT_BITS_H
#define RD_FORMAT_BITS_H

#include "base/growing.h"

/* All zero but for `out`: no bits. */
typedef struct rd__bit_writer {
    rd__growing *out;
    uint64_t held; /* bits that make no byte yet */
    unsigned count;
} rd__bit_writer;

/* Adds the lowest `bits` of the value, at most 56; bits above them are ignored. */
static inline void rd__bits_put(rd__bit_writer *writer, uint64_t value, unsigned bits) {
    writer->held |= (value & (((uint64_t)1 << bits) - 1)) << writer->count;
    for (writer->count += bits; writer->count >= 8; writer->count -= 8, writer->held >>= 8)
        rd__growing_put_byte(writer->out, (uint8_t)writer->held);
}

/* After the last: the rest of its byte is zeros. */
static inline void rd__bits_finish(rd__bit_writer *writer) {
    if (writer->count > 0)
        rd__growing_put_byte(writer->out, (uint8_t)writer->held);
    writer->held = writer->count = 0;
}

typedef struct rd__bit_reader {
    const uint8_t *data;
    const uint8_t *end;
    uint64_t held;
    unsigned count;
    bool failed; /* there were fewer bits than were asked for */
} rd__bit_reader;

/* The next `bits`, at most 56; 0, and a failure noted, if there are not so many. */
static inline uint64_t rd__bits_get(rd__bit_reader *reader, unsigned bits) {
    for (; reader->count < bits; reader->count += 8) {
        if (reader->data == reader->end) {
            reader->failed = true;
            return 0;
        }
        reader->held |= (uint64_t)*reader->data++ << reader->count;
    }
    const uint64_t value = reader->held & (((uint64_t)1 << bits) - 1);
    reader->held >>= bits;
    reader->count -= bits;
    return value;
}

/* Nothing is left but the zeros that fill the last byte. */
static inline bool rd__bits_at_end(const rd__bit_reader *reader) {
    return !reader->failed && reader->data == reader->end && reader->count < 8 && reader->held == 0;
}

#endif
