/* Bytes to be hashed: one of several messages of different lengths, for a kernel. */
#ifndef RD_HASH_MESSAGE_H
#define RD_HASH_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

typedef struct rd__message {
    const uint8_t *data;
    size_t size;
} rd__message;

#endif
