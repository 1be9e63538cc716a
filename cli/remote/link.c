/*
 * link.c: see link.h. Both directions go on at once, by descriptors that never make this process wait: so two sides
 * that have much to say do not wait for each other. A session need not take input before its output has gone. If then
 * neither side read, both would wait for ever; so input that is not wanted yet is read nevertheless, up to a bound that
 * no honest session reaches.
 *
 * A limit of the rate is credit that grows with time: whatever travels uses it up.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/remote/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/base/clock.h"
#include "cli/base/interrupt.h"

enum {
    LINK_BUFFER = 256 * 1024,
    LINK_INPUT_MAX = 32 * 1024 * 1024,
    LINK_WAIT_FOREVER = -1, /* milliseconds, of poll */
    LINK_MILLISECONDS = 1000
};

/* How long the other side may take to hear of an error, seconds. */
static const double link_patience = 2.0;

/* ---- The link --------------------------------------------------------------------------------------------------- */

rd_result link_open(remote_link *link, int from, int to, uint64_t rate) {
    *link = (remote_link){.from = from,
                          .to = to,
                          .flags = {fcntl(from, F_GETFL), fcntl(to, F_GETFL)},
                          .rate = rate,
                          .credit_time = clock_now()};
    link->input = malloc(LINK_BUFFER);
    link->output = malloc(LINK_BUFFER);
    link->input_room = LINK_BUFFER;
    (void)fcntl(from, F_SETFL, link->flags[0] | O_NONBLOCK);
    (void)fcntl(to, F_SETFL, link->flags[1] | O_NONBLOCK);
    return link->input != NULL && link->output != NULL ? RD_OK : RD_E_MEMORY;
}

void link_close(remote_link *link) {
    (void)fcntl(link->from, F_SETFL, link->flags[0]);
    (void)fcntl(link->to, F_SETFL, link->flags[1]);
    free(link->input);
    free(link->output);
    link->input = link->output = NULL;
}

/* Moves what is in a buffer to its start. */
static void link_gather(uint8_t *buffer, size_t *start, size_t *end) {
    memmove(buffer, buffer + *start, *end - *start);
    *end -= *start;
    *start = 0;
}

void link_put(remote_link *link, const uint8_t *data, size_t size) {
    link->said += size;
    link_gather(link->output, &link->output_start, &link->output_end);
    if (size > LINK_BUFFER - link->output_end) { /* the other side has not listened for long */
        link->deaf = true;
        return;
    }
    memcpy(link->output + link->output_end, data, size);
    link->output_end += size;
}

static bool link_has_output(const remote_link *link) {
    return link->output_start < link->output_end && !link->deaf;
}

bool link_has_said_all(const remote_link *link) {
    return link->sent >= link->said;
}

/* ---- The limit -------------------------------------------------------------------------------------------------- */

/* How many bytes may travel now. */
static size_t link_credit(remote_link *link) {
    if (link->rate == 0)
        return SIZE_MAX;
    const double now = clock_now();
    const double rate = (double)link->rate;
    const double most = rate < 8.0 ? 1.0 : rate / 8.0; /* of what was not used, no more can be made up for */
    link->credit += (now - link->credit_time) * rate;
    link->credit_time = now;
    if (link->credit > most)
        link->credit = most;
    return link->credit >= 1.0 ? (size_t)link->credit : 0;
}

static void link_spend(remote_link *link, size_t size) {
    link->credit -= (double)size;
}

/* How long until there is enough credit to be worth a call, milliseconds. */
static int link_pause(const remote_link *link) {
    const double rate = (double)link->rate;
    const double wanted = rate < 32.0 ? 1.0 : rate / 32.0;
    return link->credit >= wanted ? 0 : 1 + (int)((wanted - link->credit) / rate * LINK_MILLISECONDS);
}

/* ---- Moving bytes ----------------------------------------------------------------------------------------------- */

/* Makes room for input, more than usual if the session does not take any before its output has gone. */
static bool link_make_room(remote_link *link) {
    if (link->input_end < link->input_room)
        return true;
    if (link->input_start > 0) {
        link_gather(link->input, &link->input_start, &link->input_end);
        return true;
    }
    if (!link_has_output(link) || link->input_room >= LINK_INPUT_MAX)
        return false;
    const size_t room = link->input_room + link->input_room / 2 + LINK_BUFFER;
    uint8_t *const grown = realloc(link->input, room);
    if (grown == NULL)
        return false;
    link->input = grown;
    link->input_room = room;
    return true;
}

static bool link_is_later(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void link_receive(remote_link *link, size_t most) {
    const size_t room = link->input_room - link->input_end;
    if (most == 0)
        return;
    const ssize_t n = read(link->from, link->input + link->input_end, room < most ? room : most);
    if (n > 0) {
        link->input_end += (size_t)n;
        link->received += (uint64_t)n;
        link_spend(link, (size_t)n);
    } else if (n == 0 || !link_is_later()) {
        link->ended = true;
    }
}

static void link_send(remote_link *link, size_t most) {
    const size_t size = link->output_end - link->output_start;
    const ssize_t n = write(link->to, link->output + link->output_start, size < most ? size : most);
    if (n > 0) {
        link->output_start += (size_t)n;
        link->sent += (uint64_t)n;
        link_spend(link, (size_t)n);
    } else if (n < 0 && !link_is_later()) {
        link->deaf = true;
    }
}

/* Moves what can be moved at once, after waiting for that at most so many milliseconds. */
static void link_move(remote_link *link, int wait) {
    const size_t credit = link_credit(link);
    const bool receives = !link->ended && link_make_room(link);
    const bool sends = link_has_output(link);
    struct pollfd polled[2] = {{.fd = credit > 0 && receives ? link->from : -1, .events = POLLIN},
                               {.fd = credit > 0 && sends ? link->to : -1, .events = POLLOUT}};
    if (credit == 0 && (receives || sends) && wait != 0) {
        const int pause = link_pause(link);
        wait = wait == LINK_WAIT_FOREVER || pause < wait ? pause : wait;
    }
    if (poll(polled, 2, wait) <= 0)
        return;
    if (polled[1].revents != 0)
        link_send(link, credit);
    if (polled[0].revents != 0)
        link_receive(link, link->rate == 0 ? SIZE_MAX : link_credit(link));
}

void link_flush(remote_link *link, double seconds) {
    const double end = clock_now() + seconds;
    while (link_has_output(link) && (seconds > 0.0 ? clock_now() < end : !interrupt_caught()))
        link_move(link, seconds > 0.0 ? LINK_MILLISECONDS / 10 : LINK_WAIT_FOREVER);
}

/* ---- Messages --------------------------------------------------------------------------------------------------- */

/* Looks at what has come. RD_MORE: not all of the message. */
static rd_result link_take_message(remote_link *link, message_header *header, uint8_t *rest) {
    const uint8_t *const data = link->input + link->input_start;
    const size_t size = link->input_end - link->input_start;
    const rd_result result = message_get_header(header, data, size);
    if (result == RD_MORE || result == RD_E_MAGIC)
        return result;
    if (result != RD_OK || header->version != CONNECTION_VERSION)
        return RD_OK;
    if (size - MESSAGE_HEADER < header->length)
        return RD_MORE;
    memcpy(rest, data + MESSAGE_HEADER, header->length);
    link->input_start += MESSAGE_HEADER + header->length;
    return RD_OK;
}

rd_result link_read_message(remote_link *link, message_header *header, uint8_t *rest) {
    for (;;) {
        const rd_result result = link_take_message(link, header, rest);
        if (result != RD_MORE)
            return result;
        if (link->ended)
            return RD_E_TRUNCATED;
        if (interrupt_caught())
            return RD_E_CANCELLED;
        link_move(link, LINK_WAIT_FOREVER);
    }
}

/* ---- Sessions --------------------------------------------------------------------------------------------------- */

/* Where what the session says goes. */
static rd_out link_room(remote_link *link) {
    if (link->output_start == link->output_end || link->deaf)
        link->output_start = link->output_end = 0;
    if (link->output_start > LINK_BUFFER / 2)
        link_gather(link->output, &link->output_start, &link->output_end);
    return (rd_out){.data = link->output + link->output_end, .size = LINK_BUFFER - link->output_end};
}

/* Gives the session what came, and takes what it says. *moved: there was some of either. */
static rd_result link_step(remote_link *link, rd_session *session, bool *moved) {
    rd_in in = {.data = link->input + link->input_start, .size = link->input_end - link->input_start};
    rd_out out = link_room(link);
    const rd_result result = rd_session_step(session, &in, &out, link->ended);
    link->input_start += in.pos;
    link->output_end += out.pos;
    link->said += result == RD_MORE || result == RD_OK ? out.pos : 0;
    if (link->input_start == link->input_end)
        link->input_start = link->input_end = 0;
    *moved = in.pos > 0 || out.pos > 0;
    return result;
}

/* What has come by now is the answer to the request, and not the session's. */
rd_result link_begin(remote_link *link, rd_session *session) {
    rd_result result;
    bool said;
    do {
        rd_in none = {.data = link->input};
        rd_out out = link_room(link);
        result = rd_session_step(session, &none, &out, false);
        link->output_end += out.pos;
        link->said += result == RD_MORE ? out.pos : 0;
        said = out.pos > 0;
        link_move(link, 0); /* what is said before the work travels meanwhile */
    } while (result == RD_MORE && said && !link->deaf && link->output_end < LINK_BUFFER);
    return result;
}

/* An error is told to the other side, if it still listens; that may take some steps. */
static void link_tell_failure(remote_link *link, rd_session *session) {
    bool moved = true;
    link_flush(link, link_patience);
    while (moved && !link->deaf && !link_has_output(link)) {
        (void)link_step(link, session, &moved);
        moved = link_has_output(link);
        link_flush(link, link_patience);
    }
}

rd_result link_run(remote_link *link, rd_session *session, link_show_fn *show, void *context) {
    rd_result result;
    bool moved;
    (void)show(context); /* a signal is noticed below */
    while ((result = link_step(link, session, &moved)) == RD_MORE) {
        if (!show(context))
            rd_session_cancel(session);
        else if (!moved && link->ended && !link_has_output(link))
            return RD_E_TRUNCATED;
        else
            link_move(link, moved ? 0 : LINK_WAIT_FOREVER);
    }
    if (result == RD_OK)
        link_flush(link, 0.0);
    else
        link_tell_failure(link, session);
    return result;
}
