/* See bit_coder.h. */
#include "format/bit_coder.h"

#define RANGE_LEAST (1u << 24)

enum { PROBABILITY_BITS = 15, QUICK = 4, SLOW = 7, CODE_BYTES = 4 };

/* The part of the range that means no: never none of it, nor all. */
static uint32_t model_bound(const rd__bit_model *model, uint32_t range) {
    const uint32_t mean = ((uint32_t)model->quick + model->slow) >> 2; /* of 2^15 */
    const uint32_t no = mean < 32 ? 32 : mean > (1u << PROBABILITY_BITS) - 32 ? (1u << PROBABILITY_BITS) - 32 : mean;
    return (range >> PROBABILITY_BITS) * no;
}

static void model_adapt(rd__bit_model *model, bool bit) {
    const uint32_t towards = bit ? 0 : UINT16_MAX;
    model->quick = (uint16_t)(model->quick + (((int32_t)towards - model->quick) >> QUICK));
    model->slow = (uint16_t)(model->slow + (((int32_t)towards - model->slow) >> SLOW));
}

void rd__bit_encoder_init(rd__bit_encoder *encoder, rd__growing *out) {
    *encoder = (rd__bit_encoder){.out = out, .start = out->size, .range = UINT32_MAX};
}

/* Passes on the highest byte of `low`, once no carry can change it. The very first is none: nothing is before it. */
static void encoder_shift(rd__bit_encoder *encoder) {
    if (encoder->low < 0xff000000u || encoder->low > UINT32_MAX) {
        const uint8_t carry = (uint8_t)(encoder->low >> 32);
        if (encoder->started)
            rd__growing_put_byte(encoder->out, (uint8_t)(encoder->cache + carry));
        for (; encoder->pending > 0; encoder->pending--)
            rd__growing_put_byte(encoder->out, (uint8_t)(0xff + carry));
        encoder->cache = (uint8_t)(encoder->low >> 24);
        encoder->started = true;
    } else {
        encoder->pending++;
    }
    encoder->low = (encoder->low & 0x00ffffffu) << 8;
}

void rd__bit_encode(rd__bit_encoder *encoder, rd__bit_model *model, bool bit) {
    const uint32_t bound = model_bound(model, encoder->range);
    if (bit) {
        encoder->low += bound;
        encoder->range -= bound;
    } else {
        encoder->range = bound;
    }
    model_adapt(model, bit);
    for (; encoder->range < RANGE_LEAST; encoder->range <<= 8)
        encoder_shift(encoder);
}

void rd__bit_encoder_finish(rd__bit_encoder *encoder) {
    /* Of the numbers in the range, one with as many zeros at the end as there can be. */
    for (unsigned bits = 32; bits-- > 0;) {
        const uint64_t mask = ((uint64_t)1 << bits) - 1;
        const uint64_t value = (encoder->low + mask) & ~mask;
        if (value >= encoder->low && value - encoder->low < encoder->range) {
            encoder->low = value;
            break;
        }
    }
    for (int i = 0; i <= CODE_BYTES; i++)
        encoder_shift(encoder);
    while (encoder->out->size > encoder->start && encoder->out->data[encoder->out->size - 1] == 0)
        encoder->out->size--;
}

static uint32_t decoder_next(rd__bit_decoder *decoder) {
    if (decoder->data < decoder->end)
        return *decoder->data++;
    decoder->beyond++;
    return 0;
}

void rd__bit_decoder_init(rd__bit_decoder *decoder, const uint8_t *data, const uint8_t *end) {
    *decoder = (rd__bit_decoder){.data = data, .end = end, .range = UINT32_MAX};
    for (int i = 0; i < CODE_BYTES; i++)
        decoder->code = decoder->code << 8 | decoder_next(decoder);
}

bool rd__bit_decode(rd__bit_decoder *decoder, rd__bit_model *model) {
    const uint32_t bound = model_bound(model, decoder->range);
    const bool bit = decoder->code >= bound;
    if (bit) {
        decoder->code -= bound;
        decoder->range -= bound;
    } else {
        decoder->range = bound;
    }
    model_adapt(model, bit);
    for (; decoder->range < RANGE_LEAST; decoder->range <<= 8)
        decoder->code = decoder->code << 8 | decoder_next(decoder);
    return bit;
}

bool rd__bit_decoder_at_end(const rd__bit_decoder *decoder) {
    return decoder->data == decoder->end;
}
