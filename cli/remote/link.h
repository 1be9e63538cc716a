/*
 * link.h: the bytes of a connection over two descriptors: messages, then those of a session.
 */
#ifndef REDELTA_CLI_LINK_H
#define REDELTA_CLI_LINK_H

#include "cli/remote/message.h"

typedef struct remote_link {
    int from; /* descriptors */
    int to;
    int flags[2]; /* those of `from` and `to` before */
    uint8_t *input;
    size_t input_room;
    size_t input_start;
    size_t input_end;
    uint8_t *output;
    size_t output_start;
    size_t output_end;
    bool ended;        /* nothing more comes */
    bool deaf;         /* the other side takes nothing more */
    uint64_t received; /* bytes from the other side, of messages too */
    uint64_t sent;
    uint64_t said; /* bytes that were to be sent, but for the news of a failure */
    uint64_t rate; /* bytes per second, both directions together; 0: no limit */
    double credit; /* bytes that may travel now, under that limit */
    double credit_time;
} remote_link;

/* Called now and then while a session works. False: it is to end. */
typedef bool link_show_fn(void *context);

/* Makes a link of two descriptors, which stay the caller's. RD_E_MEMORY. Either way, call link_close afterwards. */
rd_result link_open(remote_link *link, int from, int to, uint64_t rate);
void link_close(remote_link *link);

/* Puts a message in the place from which it will be sent. */
void link_put(remote_link *link, const uint8_t *data, size_t size);

/*
 * Waits for a message, and reads it: the header into *header, what follows into rest[0 .. MESSAGE_MAX). Of another
 * version, or of a message longer than any, only the header is read. RD_E_MAGIC: something else came, which is still in
 * `input`. RD_E_TRUNCATED: the connection ended before; what came is in `input`. RD_E_CANCELLED: a signal asks for the
 * end.
 */
rd_result link_read_message(remote_link *link, message_header *header, uint8_t *rest);

/*
 * Sends what the session has to say at first, before it works, and then has it work as far as it goes without input;
 * what it says then is sent later. The session has not begun before.
 */
rd_result link_begin(remote_link *link, rd_session *session);

/* Carries the session's bytes until it has ended, also an error of it to the other side. Returns its result. */
rd_result link_run(remote_link *link, rd_session *session, link_show_fn *show, void *context);

/* Whether all that was to be said has left this side. What nobody took any more has not. */
bool link_has_said_all(const remote_link *link);

/* Sends what is still to be sent: for at most `seconds`, or 0, until a signal asks for the end. */
void link_flush(remote_link *link, double seconds);

#endif
