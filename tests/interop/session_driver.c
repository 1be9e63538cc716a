/*
 * session_driver.c: one side of a session, between standard input and standard output.
 *
 *   session_driver [bits|rounds|level|threads|random NUMBER]... sender FILE
 *   session_driver [...] receiver OLD OUT      OLD: - if there is none
 *
 * `bits`: sums have at most so many, so that many mislead. `level` is of zstd, -1 for never. `random` greets with these
 * bytes, all alike, so that a conversation repeats. The exit status is that of rd_result. The last line on standard
 * error has the figures: name=number for each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/session.h"

enum { ROOM = 64 * 1024, USAGE = 64 };

typedef struct driver {
    rd_session *session;
    uint8_t in[ROOM];
    size_t in_used;
    size_t in_size;
    uint8_t out[ROOM];
    size_t out_given;
    size_t out_size;
    bool end; /* of standard input */
} driver;

static void fail(const char *what) {
    perror(what);
    exit(USAGE);
}

/* Waits until something can be read, if that is of use, or written, if there is anything; does that. */
static void transfer(driver *d) {
    struct pollfd files[2] = {{.fd = d->end || d->in_used < d->in_size ? -1 : STDIN_FILENO, .events = POLLIN},
                              {.fd = d->out_given < d->out_size ? STDOUT_FILENO : -1, .events = POLLOUT}};
    if (files[0].fd < 0 && files[1].fd < 0)
        return;
    if (poll(files, 2, -1) < 0)
        fail("poll");
    if (files[0].revents) {
        const ssize_t got = read(STDIN_FILENO, d->in, sizeof d->in);
        if (got < 0)
            fail("read");
        d->end = got == 0;
        d->in_used = 0;
        d->in_size = (size_t)got;
    }
    if (files[1].revents) {
        const ssize_t put = write(STDOUT_FILENO, d->out + d->out_given, d->out_size - d->out_given);
        if (put < 0 && errno == EPIPE)
            d->out_given = d->out_size; /* nobody listens; what was said before may still be read */
        else if (put < 0 && errno != EAGAIN)
            fail("write");
        else if (put > 0)
            d->out_given += (size_t)put;
    }
}

static rd_result drive(driver *d) {
    for (;;) {
        rd_in in = {.data = d->in, .size = d->in_size, .pos = d->in_used};
        if (d->out_given == d->out_size)
            d->out_given = d->out_size = 0;
        rd_out out = {.data = d->out, .size = sizeof d->out, .pos = d->out_size};
        const rd_result result = rd_session_step(d->session, &in, &out, d->end);
        const bool moved = out.pos > d->out_size || in.pos > d->in_used;
        d->in_used = in.pos;
        d->out_size = out.pos;
        if (result != RD_MORE && !moved && d->out_given == d->out_size)
            return result;
        if (d->out_given < d->out_size || result == RD_MORE)
            transfer(d);
    }
}

static int open_file(const char *name, int flags) {
    const int fd = open(name, flags | O_CLOEXEC, 0666);
    if (fd < 0)
        fail(name);
    return fd;
}

static void report(const rd_session *session, rd_result result) {
    rd_session_state s = {.size = sizeof s};
    (void)rd_session_get_state(session, &s);
    if (result != RD_OK)
        (void)fprintf(stderr, "%s: %s %s\n", rd_result_name(result), rd_session_error(session)->reason,
                      rd_session_message(session));
    (void)fprintf(stderr,
                  "sent=%" PRIu64 " received=%" PRIu64 " old_size=%" PRIu64 " new_size=%" PRIu64 " known=%" PRIu64
                  " literal=%" PRIu64 " done=%" PRIu64 " rounds=%" PRIu64 " repaired=%" PRIu64 " identical=%d\n",
                  s.sent, s.received, s.old_size, s.new_size, s.known, s.literal, s.done, s.rounds, s.repaired,
                  s.identical);
}

int main(int count, char **words) {
    static driver d;
    rd_error error;
    rd_options options = {.size = sizeof options, .error = &error};
    unsigned bits = 0;
    int random = -1;
    int at = 1;
    for (; at + 2 < count; at += 2) {
        const char *const name = words[at];
        const int number = atoi(words[at + 1]);
        if (strcmp(name, "bits") == 0)
            bits = (unsigned)number;
        else if (strcmp(name, "rounds") == 0)
            options.max_rounds = (unsigned)number;
        else if (strcmp(name, "level") == 0)
            options.compression = number < 0 ? RD_COMPRESSION_NEVER : number;
        else if (strcmp(name, "threads") == 0)
            options.threads = (unsigned)number;
        else if (strcmp(name, "random") == 0)
            random = number;
        else
            break;
    }
    rd_result result = RD_E_PARAMETER;
    rd_source source;
    rd_sink sink;
    if (count - at == 2 && strcmp(words[at], "sender") == 0) {
        source = rd_source_fd(open_file(words[at + 1], O_RDONLY));
        result = rd_session_sender_new(&d.session, &source, NULL, &options);
        if (result == RD_OK)
            rd__session_force_bits(d.session, bits);
    } else if (count - at == 3 && strcmp(words[at], "receiver") == 0) {
        const bool has_old = strcmp(words[at + 1], "-") != 0;
        if (has_old)
            source = rd_source_fd(open_file(words[at + 1], O_RDONLY));
        sink = rd_sink_fd(open_file(words[at + 2], O_RDWR | O_CREAT | O_TRUNC));
        result = rd_session_receiver_new(&d.session, has_old ? &source : NULL, &sink, &options);
    } else {
        (void)fprintf(stderr, "usage: session_driver [NAME NUMBER]... sender FILE | receiver OLD OUT\n");
        return USAGE;
    }
    if (result != RD_OK) {
        (void)fprintf(stderr, "%s: %s\n", rd_result_name(result), error.reason);
        return USAGE;
    }
    if (random >= 0) {
        uint8_t bytes[RD__SESSION_RANDOM];
        memset(bytes, random, sizeof bytes);
        rd__session_fix_random(d.session, bytes);
    }
    if (fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK) < 0)
        fail("standard output");
    result = drive(&d);
    report(d.session, result);
    rd_session_free(d.session);
    return (int)result;
}
