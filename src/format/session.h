/*
 * The messages of a session (docs/formats.md): frames, and what is in those messages that are records. What the rounds
 * consist of is in engine/ladder.h.
 */
#ifndef RD_FORMAT_SESSION_H
#define RD_FORMAT_SESSION_H

#include "base/growing.h"
#include "redelta.h"

enum {
    RD__SESSION_VERSION = 1,
    RD__SESSION_RANDOM = 16,             /* bytes of the key that come from each side */
    RD__FRAME_PAYLOAD_MAX = 1024 * 1024, /* bytes */
    RD__MESSAGE_MAX = 16 * 1024 * 1024,  /* bytes, of all its frames */
    RD__ROUND_MAX = 1024 * 1024,         /* bytes of ROUND and of FOUND, of which many may wait to be taken */
    RD__BLOCKS_MAX = 1 << 20,            /* whole ones in TOP */
    RD__SESSION_FILE_LOG2 = 48,          /* a file has at most so many bytes */
    RD__FAILURE_TEXT_MAX = 400,          /* bytes */
    RD__LANES_MAX = 1 << 20              /* that a receiver may offer to keep open */
};

/* The types of messages. A frame whose type has RD__FRAME_MORE is not the last one of its message. */
typedef enum rd__message_type {
    RD__MESSAGE_HELLO = 1,
    RD__MESSAGE_FILE = 2, /* from here on: of the sender */
    RD__MESSAGE_DIGEST = 3,
    RD__MESSAGE_TOP = 4,
    RD__MESSAGE_ROUND = 5,
    RD__MESSAGE_DATA = 6,
    RD__MESSAGE_REPAIR = 7,
    RD__MESSAGE_SAME = 8, /* of the receiver */
    RD__MESSAGE_GO = 9,
    RD__MESSAGE_PLACED = 10,
    RD__MESSAGE_FOUND = 11,
    RD__MESSAGE_LEAVES = 12,
    RD__MESSAGE_DONE = 13,
    RD__MESSAGE_FAILURE = 14 /* of both */
} rd__message_type;

enum { RD__FRAME_MORE = 0x80 };

typedef struct rd__frame_header {
    uint8_t type; /* without RD__FRAME_MORE */
    bool more;
    uint64_t lane; /* of ROUND, FOUND and DATA */
    uint32_t size; /* of the payload that follows */
} rd__frame_header;

/* Adds the header of a frame. */
void rd__frame_put(rd__growing *out, rd__frame_header header);
/* Adds a message in as many frames as it takes. */
void rd__message_put(rd__growing *out, rd__message_type type, uint64_t lane, const uint8_t *data, size_t size);
/*
 * Takes a header from *from, which moves on. RD_MORE: it is not complete. RD_E_CORRUPT: it is none; *reason says why.
 */
rd_result rd__frame_get(const uint8_t **from, const uint8_t *end, rd__frame_header *header, const char **reason);

/* What each side says of itself. */
typedef struct rd__hello {
    uint64_t version;
    uint64_t features; /* RD__FEATURE_ZSTD; others are ignored */
    bool receives;
    uint64_t lanes; /* of a receiver: how many may be open */
    uint8_t random[RD__SESSION_RANDOM];
} rd__hello;

enum { RD__FEATURE_ZSTD = 1 };

/* What a sender says of its file, before it has read it. */
typedef struct rd__file_record {
    rd_session_file file;
    bool last;  /* no other file follows */
    bool holes; /* zeros of it lie in holes */
} rd__file_record;

void rd__hello_put(rd__growing *out, const rd__hello *hello);
/* RD_E_MAGIC: not a hello. RD_E_CORRUPT. Of another version, nothing after that is read. */
rd_result rd__hello_get(const uint8_t *data, size_t size, rd__hello *hello, const char **reason);

void rd__file_record_put(rd__growing *out, const rd__file_record *record);
/* False: it is none. */
bool rd__file_record_get(const uint8_t *data, size_t size, rd__file_record *record);

/* A failure: a result of rd_result, and a text. */
void rd__failure_put(rd__growing *out, rd_result result, const char *text);
/* Makes the text printable: what is not UTF-8 or a control character becomes '?'. False: it is none. */
bool rd__failure_get(const uint8_t *data, size_t size, rd_result *result, char text[RD__FAILURE_TEXT_MAX + 1]);

#endif
