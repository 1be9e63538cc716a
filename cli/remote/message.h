/*
 * message.h: the messages of a connection, which stand around the bytes of the session (docs/formats.md, "Connection").
 * The client sends a REQUEST, the server a REPLY, and at the end a STATUS if it was the one that wrote the file.
 *
 * Whatever comes may come from a machine that lies: every length is checked, and no text is longer than it may be.
 */
#ifndef REDELTA_CLI_MESSAGE_H
#define REDELTA_CLI_MESSAGE_H

#include <redelta.h>

enum {
    CONNECTION_VERSION = 1,
    MESSAGE_HEADER = 7,      /* bytes: "rdc", version, kind, length of the rest */
    MESSAGE_PATH_MAX = 4095, /* bytes */
    MESSAGE_SUFFIX_MAX = 255,
    MESSAGE_TEXT_MAX = 1000,
    MESSAGE_MAX = MESSAGE_HEADER + 14 + MESSAGE_SUFFIX_MAX + MESSAGE_PATH_MAX /* a whole message */
};

typedef enum message_kind { MESSAGE_REQUEST = 1, MESSAGE_REPLY = 2, MESSAGE_STATUS = 3 } message_kind;

/* What the client wants. */
typedef struct remote_wishes {
    bool push; /* the client has the new file; else the server */
    bool dry_run;
    bool times;
    bool follow;
    bool partial;
    bool accept_changed;
    bool backup;
    rd_sparse sparse;
    int compression;                     /* as in rd_options */
    uint64_t max_output;                 /* 0: no limit */
    unsigned max_rounds;                 /* 0: no limit */
    char suffix[MESSAGE_SUFFIX_MAX + 1]; /* of the backup */
    char path[MESSAGE_PATH_MAX + 1];     /* of the file on the server */
} remote_wishes;

/* How it went on the server: its REPLY, and its STATUS. */
typedef struct remote_answer {
    rd_result result;                /* RD_OK, or why it failed */
    bool created;                    /* there was no old file. Of a STATUS, as all that follows. */
    bool identical;                  /* nothing was written */
    unsigned notes;                  /* RD_NOTE_* */
    char text[MESSAGE_TEXT_MAX + 1]; /* what is wrong: only characters that mislead nobody */
} remote_answer;

/* Each writes a message into data[0 .. MESSAGE_MAX), and returns how many bytes it has. A text that is too long is cut.
 */
size_t message_put_request(uint8_t *data, const remote_wishes *wishes);
size_t message_put_answer(uint8_t *data, message_kind kind, const remote_answer *answer);

/* What stands in front of the rest of a message. */
typedef struct message_header {
    unsigned version;
    unsigned kind;
    size_t length; /* of the rest */
} message_header;

/*
 * Reads a header from data[0 .. size). RD_MORE: the bytes are the start of one. RD_E_MAGIC: they are something else.
 * RD_E_CORRUPT: the rest has more bytes than any message. Of another version no more may be read than the header: it is
 * the same in all versions.
 */
rd_result message_get_header(message_header *header, const uint8_t *data, size_t size);

/* Reads what follows the header: all `size` bytes of it. RD_E_CORRUPT: no message of this version is like that. */
rd_result message_get_request(remote_wishes *wishes, const uint8_t *data, size_t size);
rd_result message_get_answer(remote_answer *answer, const uint8_t *data, size_t size);

#endif
