/*
 * Brings a file up to date over a socket, as two programs on two machines would do it:
 *
 *     socket_sync NEW OLD
 *
 * A child process has NEW and sends; this process has OLD, receives, and replaces it. They share nothing but a pair of
 * connected sockets. If there is no OLD, it is made.
 *
 * `carry` is the part to copy: it runs a session over any descriptor that poll(2) knows. Neither side ever waits in a
 * read or a write. That matters: both may have much to say at the same time, and if each waited until the other one
 * reads, they would wait forever. So bytes that cannot be sent yet stay in `out`, and what arrives is taken meanwhile.
 *
 *     cc socket_sync.c -o socket_sync $(pkg-config --cflags --libs redelta)
 */
#define _POSIX_C_SOURCE 200809L

#include <redelta.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024 };

/* One side of the connection. */
typedef struct side {
    const char *name; /* for messages */
    rd_session *session;
    int socket;
    uint8_t in[BUFFER]; /* bytes taken .. received: came, and were not used yet */
    size_t taken, received;
    uint8_t out[BUFFER]; /* bytes sent .. said: to be sent */
    size_t sent, said;
    bool ended; /* the other side has closed the connection */
} side;

static bool is_for_later(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Sends what it can without waiting. What cannot be sent any more is dropped: what came may still tell why. */
static void send_some(side *s) {
    const ssize_t n = send(s->socket, s->out + s->sent, s->said - s->sent, MSG_NOSIGNAL);
    if (n >= 0)
        s->sent += (size_t)n;
    else if (!is_for_later(errno))
        s->sent = s->said;
}

/* Receives what is there, or notes that the connection has ended. */
static void receive_some(side *s) {
    const ssize_t n = recv(s->socket, s->in, sizeof s->in, 0);
    if (n < 0 && is_for_later(errno))
        return;
    s->taken = 0;
    s->received = n < 0 ? 0 : (size_t)n;
    s->ended = n <= 0;
}

/* Lets the session take what came, and say what it has to. */
static rd_result step(side *s) {
    if (s->sent == s->said)
        s->sent = s->said = 0;
    rd_in in = {.data = s->in + s->taken, .size = s->received - s->taken};
    rd_out out = {.data = s->out + s->said, .size = sizeof s->out - s->said};
    const rd_result result = rd_session_step(s->session, &in, &out, s->ended);
    s->taken += in.pos;
    s->said += out.pos;
    return result;
}

/* Waits until something can be sent or received, and does it. */
static void exchange(side *s, bool receives) {
    const bool sends = s->sent < s->said;
    struct pollfd ready = {.fd = s->socket, .events = (short)((sends ? POLLOUT : 0) | (receives ? POLLIN : 0))};
    if (poll(&ready, 1, -1) < 0)
        return; /* a signal */
    if (receives && (ready.revents & ~POLLOUT))
        receive_some(s);
    if (sends && (ready.revents & ~POLLIN))
        send_some(s);
}

/* Runs the session until it has ended, well or not, and all that it had to say is sent. */
static rd_result carry(side *s) {
    for (;;) {
        const rd_result result = step(s);
        const bool has_words = s->sent < s->said;
        const bool receives = result == RD_MORE && s->taken == s->received && !s->ended;
        if (result != RD_MORE && !has_words)
            return result;
        if (has_words || receives)
            exchange(s, receives);
    }
}

/* Prints an error, if it is one. */
static bool is_good(const side *s, rd_result result, const rd_error *error) {
    if (result == RD_OK)
        return true;
    const char *const reason = result == RD_E_PEER   ? rd_session_message(s->session)
                               : error->system_error ? strerror(error->system_error)
                                                     : error->reason;
    (void)fprintf(stderr, "%s: %s\n", s->name, reason);
    return false;
}

/* The process that has the new file. */
static bool send_file(int socket, const char *path) {
    side s = {.name = path, .socket = socket};
    const int file = open(path, O_RDONLY);
    if (file < 0) {
        perror(path);
        return false;
    }
    const rd_source new_file = rd_source_fd(file);
    rd_error error = {0};
    const rd_options options = {.size = sizeof options, .error = &error};
    rd_result result = rd_session_sender_new(&s.session, &new_file, NULL, &options);
    if (result == RD_OK) {
        result = carry(&s);
        error = *rd_session_error(s.session);
    }
    const bool good = is_good(&s, result, &error);
    rd_session_free(s.session);
    (void)close(file);
    return good;
}

static void tell_what_travelled(const rd_session *session) {
    rd_session_state state = {.size = sizeof state};
    if (rd_session_get_state(session, &state) == RD_OK)
        (void)printf("%s: %" PRIu64 " bytes, %" PRIu64 " sent, %" PRIu64 " received, %" PRIu64 " round trips\n",
                     state.identical ? "identical" : "updated", state.new_size, state.sent, state.received,
                     state.rounds);
}

/* Runs the session, and gives the new file its name, unless both are equal. */
static rd_result carry_to(side *s, rd_destination *destination, rd_error *error) {
    rd_session_state state = {.size = sizeof state};
    const rd_result result = carry(s);
    *error = *rd_session_error(s->session);
    (void)rd_session_get_state(s->session, &state);
    if (result == RD_OK && !state.identical)
        return rd_destination_commit(destination, error);
    rd_destination_discard(destination);
    return result;
}

/* The process that has the old file. The new one takes its place when it is complete and verified, or not at all. */
static bool receive_file(int socket, const char *path) {
    side s = {.name = path, .socket = socket};
    rd_destination *destination = NULL;
    rd_error error = {0};
    const rd_options options = {.size = sizeof options, .error = &error};
    const int file = open(path, O_RDONLY);
    if (file < 0 && errno != ENOENT) {
        perror(path);
        return false;
    }
    rd_result result = rd_destination_open(&destination, path, RD_REPLACE_SAFELY, &error);
    if (result == RD_OK) {
        const rd_source old_file = rd_source_fd(file);
        const rd_sink out = rd_destination_sink(destination);
        result = rd_session_receiver_new(&s.session, file < 0 ? NULL : &old_file, &out, &options);
        if (result == RD_OK)
            result = carry_to(&s, destination, &error);
        else
            rd_destination_discard(destination);
    }
    if (is_good(&s, result, &error))
        tell_what_travelled(s.session);
    rd_session_free(s.session);
    if (file >= 0)
        (void)close(file);
    return result == RD_OK;
}

/* An end of the pair that never waits. */
static bool prepare(int socket) {
    return fcntl(socket, F_SETFL, O_NONBLOCK) == 0;
}

int main(int count, char **words) {
    int ends[2];
    if (count != 3) {
        (void)fprintf(stderr, "usage: socket_sync NEW OLD\n");
        return 2;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || !prepare(ends[0]) || !prepare(ends[1])) {
        perror("socketpair");
        return 1;
    }
    const pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return 1;
    }
    (void)close(ends[child == 0 ? 0 : 1]);
    if (child == 0)
        _exit(send_file(ends[1], words[1]) ? 0 : 1);
    const bool received = receive_file(ends[0], words[2]);
    (void)close(ends[0]);
    int status = 0;
    const bool sent = waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return received && sent ? 0 : 1;
}
