/*
 * Answers of yes and no, coded by how likely each is: an adaptive binary range coder (Martin 1979, in the form with 32
 * bits and a carry that LZMA made known). The model has a probability for each context, which both sides adapt alike.
 */
#ifndef RD_FORMAT_BIT_CODER_H
#define RD_FORMAT_BIT_CODER_H

#include "base/growing.h"

/* How likely no is in a context, of 2^16; adapted quickly and slowly, and the mean counts. */
typedef struct rd__bit_model {
    uint16_t quick;
    uint16_t slow;
} rd__bit_model;

#define RD__BIT_MODEL_EVEN ((rd__bit_model){.quick = 1u << 15, .slow = 1u << 15})

typedef struct rd__bit_encoder {
    rd__growing *out;
    size_t start; /* of the coded bytes in it */
    uint64_t low; /* 33 bits: the highest is a carry */
    uint32_t range;
    uint8_t cache;    /* the last byte, which a carry may still change */
    uint64_t pending; /* bytes 0xff after it, that it would run through */
    bool started;
} rd__bit_encoder;

void rd__bit_encoder_init(rd__bit_encoder *encoder, rd__growing *out);
void rd__bit_encode(rd__bit_encoder *encoder, rd__bit_model *model, bool bit);
/* After the last; zeros at the end are left out, since a decoder reads zeros there. */
void rd__bit_encoder_finish(rd__bit_encoder *encoder);

typedef struct rd__bit_decoder {
    const uint8_t *data;
    const uint8_t *end;
    uint32_t code;
    uint32_t range;
    unsigned beyond; /* bytes read beyond the end */
} rd__bit_decoder;

void rd__bit_decoder_init(rd__bit_decoder *decoder, const uint8_t *data, const uint8_t *end);
bool rd__bit_decode(rd__bit_decoder *decoder, rd__bit_model *model);
/* Were all bytes used? False: there are more than an encoder makes. */
bool rd__bit_decoder_at_end(const rd__bit_decoder *decoder);

#endif
