/*
 * A remote shell without a remote machine: starts a command and passes what a client and this command say to each
 * other, counts it, and may make a slow, broken or lying connection of it.
 *
 *     relay [OPTION...] HOST COMMAND [ARGUMENT...]
 *
 * as rsync, redelta and others call what takes the place of ssh; HOST is ignored, and the rest goes to a shell, as ssh
 * would have it. Directions are `up`, from the client to the command, and `down`.
 *
 *     --report FILE         at the end, write as JSON what was counted
 *     --record PREFIX       write what was passed to PREFIX.up and PREFIX.down
 *     --keep                HOST belongs to the command, which is not given to a shell: it is a remote shell itself
 *     --plain               the command gets our own pipes: nothing is counted, slowed or changed, and costs nothing
 *     --rate BITS           each direction passes as many bits in a second
 *     --delay MILLISECONDS  and takes so long for each byte
 *     --cut WAY:AT          the connection breaks as soon as so many bytes of this direction have passed
 *     --idle MILLISECONDS   the connection breaks when nothing has passed for so long
 *     --change WAY:AT:XOR   the byte at this offset comes out changed
 *     --first WAY:N         the messages of this direction begin after N bytes, and are counted
 *
 * An AT is a number of bytes, or #M or #M+N: message M, counted from 0, and N bytes of it. A message is a frame of a
 * session: a byte, a number and a length, both in LEB128, and as many bytes. The report has the bytes of both
 * directions and the messages that were counted, the status of the command, its processor time and the memory of the
 * largest of its processes. These are not part of what a caller of this program is told by wait4(): a supervisor, for
 * which we do not wait, starts the command. Our own processor time is in the report as well, to be subtracted.
 *
 * The link is a queue: a byte leaves after those before it, at the rate, and arrives after the delay. There is no slow
 * start and no loss, so that a rate and a delay are the best that TCP could do with them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CHUNK = 64 << 10, /* bytes that are read at once */
    SLOW_CHUNK = 4096,
    PIPE_SIZE = 1 << 20, /* of the pipes to the command */
    QUEUE = 256 << 10,   /* bytes that wait, beyond those that are under way in a slow link */
    BROKEN = 255         /* the status of ssh when a connection breaks */
};

#define NEVER UINT64_MAX

/* ---- Positions and messages -------------------------------------------------------------------------------------- */

/* An offset in a direction, in bytes from its beginning or from that of a message. */
typedef struct relay_place {
    uint64_t message; /* NEVER: the beginning of the direction */
    uint64_t bytes;   /* NEVER: no place at all */
} relay_place;

/* Where in the messages a direction stands. */
typedef struct relay_messages {
    uint64_t before; /* bytes until the first one */
    uint64_t number; /* of the one that we are in, or before */
    uint64_t inside; /* bytes of it that have passed */
    uint64_t length; /* as far as it is known */
    uint64_t left;   /* bytes of its payload, once its length is known */
    unsigned shift;
    enum { TYPE, LANE, LENGTH, PAYLOAD } part;
} relay_messages;

static void relay_message_ends(relay_messages *m) {
    m->number++;
    m->inside = 0;
    m->part = TYPE;
}

/* A byte passes. */
static void relay_message_byte(relay_messages *m, unsigned char byte) {
    if (m->before > 0) {
        m->before--;
        return;
    }
    m->inside++;
    switch (m->part) {
    case TYPE:
        m->part = LANE;
        m->left = 0;
        m->shift = 0;
        break;
    case LANE:
        if (byte < 0x80)
            m->part = LENGTH;
        break;
    case LENGTH:
        m->left |= m->shift < 64 ? (uint64_t)(byte & 0x7f) << m->shift : 0;
        m->shift += 7;
        if (byte < 0x80)
            m->part = PAYLOAD;
        if (byte < 0x80 && m->left == 0)
            relay_message_ends(m);
        break;
    case PAYLOAD:
        if (--m->left == 0)
            relay_message_ends(m);
        break;
    }
}

/* ---- One direction ----------------------------------------------------------------------------------------------- */

typedef struct relay_chunk {
    struct relay_chunk *next;
    double due;
    size_t at;
    size_t size;
    unsigned char data[];
} relay_chunk;

typedef struct relay_flow {
    int from; /* -1: its end was reached */
    int to;   /* -1: closed */
    relay_chunk *first;
    relay_chunk **last;
    size_t queued;
    double free_at; /* when the link has sent what is on it */
    uint64_t taken; /* bytes read */
    relay_messages messages;
    relay_place cut;
    relay_place change;
    unsigned char with;
    bool looks; /* at each byte: messages are counted, or there is a fault */
    bool is_cut;
    FILE *record;
} relay_flow;

/* Both, and what they share. */
typedef struct relay_link {
    relay_flow up;
    relay_flow down;
    double seconds_per_byte; /* 0: no time */
    double delay;
    double idle;   /* after so long the connection breaks; 0: never */
    double passed; /* when something has come last */
    size_t window; /* bytes that may wait */
} relay_link;

static void relay_fail(const char *what) {
    (void)fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(BROKEN);
}

static double relay_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool relay_is_here(const relay_flow *flow, relay_place place, uint64_t offset) {
    if (place.bytes == NEVER)
        return false;
    if (place.message == NEVER)
        return place.bytes == offset;
    const relay_messages *const m = &flow->messages;
    return m->before == 0 && m->number == place.message && m->inside == place.bytes;
}

/* Looks at each byte that was read: returns how many of them are passed, and changes what is to be changed. */
static size_t relay_look(relay_flow *flow, unsigned char *data, size_t size) {
    if (!flow->looks)
        return size;
    for (size_t i = 0; i < size; i++) {
        if (relay_is_here(flow, flow->cut, flow->taken + i)) {
            flow->is_cut = true;
            return i;
        }
        const bool changes = relay_is_here(flow, flow->change, flow->taken + i);
        relay_message_byte(&flow->messages, data[i]);
        if (changes)
            data[i] ^= flow->with;
    }
    flow->is_cut = relay_is_here(flow, flow->cut, flow->taken + size);
    return size;
}

static void relay_end_input(relay_flow *flow) {
    (void)close(flow->from);
    flow->from = -1;
}

static void relay_end_output(relay_flow *flow) {
    if (flow->to >= 0)
        (void)close(flow->to);
    flow->to = -1;
    while (flow->first) {
        relay_chunk *const chunk = flow->first;
        flow->first = chunk->next;
        free(chunk);
    }
    flow->last = &flow->first;
    flow->queued = 0;
}

/* Reads what there is, and puts it on the link. */
static void relay_take(relay_link *link, relay_flow *flow) {
    const bool slow = link->seconds_per_byte > 0 || link->delay > 0;
    relay_chunk *const chunk = malloc(sizeof *chunk + CHUNK);
    if (!chunk)
        relay_fail("memory");
    const ssize_t got = read(flow->from, chunk->data, slow ? SLOW_CHUNK : CHUNK);
    if (got <= 0) {
        free(chunk);
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            relay_end_input(flow);
        return;
    }
    const double now = link->passed = relay_now();
    const size_t size = relay_look(flow, chunk->data, (size_t)got);
    flow->taken += size;
    if (flow->record)
        (void)fwrite(chunk->data, 1, size, flow->record);
    flow->free_at = (flow->free_at > now ? flow->free_at : now) + (double)size * link->seconds_per_byte;
    *chunk = (relay_chunk){.due = flow->free_at + link->delay, .size = size};
    *flow->last = chunk;
    flow->last = &chunk->next;
    flow->queued += size;
}

/* Writes what is due. */
static void relay_give(relay_flow *flow, double now) {
    while (flow->to >= 0 && flow->first && flow->first->due <= now) {
        relay_chunk *const chunk = flow->first;
        const size_t size = chunk->size - chunk->at;
        const ssize_t put = size > 0 ? write(flow->to, chunk->data + chunk->at, size) : 0;
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (put < 0) { /* nobody reads it: the writer is to know */
            relay_end_output(flow);
            if (flow->from >= 0)
                relay_end_input(flow);
            return;
        }
        chunk->at += (size_t)put;
        flow->queued -= (size_t)put;
        if (chunk->at < chunk->size)
            return;
        flow->first = chunk->next;
        flow->last = flow->first ? flow->last : &flow->first;
        free(chunk);
    }
    if (!flow->first && flow->from < 0)
        relay_end_output(flow);
}

/* ---- Both -------------------------------------------------------------------------------------------------------- */

/* Milliseconds until something is due, rounded up; -1: nothing is. */
static int relay_timeout(const relay_link *link, double now) {
    double soonest = link->idle > 0 ? link->idle : -1;
    const relay_flow *const flows[2] = {&link->up, &link->down};
    for (int i = 0; i < 2; i++) {
        const relay_chunk *const chunk = flows[i]->first;
        if (chunk && chunk->due > now && (soonest < 0 || chunk->due - now < soonest))
            soonest = chunk->due - now;
    }
    return soonest < 0 ? -1 : (int)(soonest * 1e3) + 1;
}

/* Whether the connection is broken, and what was to pass before it broke has passed. */
static bool relay_is_broken(const relay_link *link) {
    return (link->up.is_cut && !link->up.first) || (link->down.is_cut && !link->down.first);
}

/* Passes everything, until the command has closed its output or the connection breaks. */
static void relay_pass(relay_link *link) {
    relay_flow *const flows[2] = {&link->up, &link->down};
    while (link->down.to >= 0 && !relay_is_broken(link)) {
        const double now = relay_now();
        struct pollfd polled[4];
        for (size_t i = 0; i < 2; i++) {
            const relay_flow *const flow = flows[i];
            const bool takes = flow->from >= 0 && flow->queued < link->window && !flow->is_cut;
            const bool gives = flow->first && flow->first->due <= now;
            polled[2 * i] = (struct pollfd){.fd = takes ? flow->from : -1, .events = POLLIN};
            polled[2 * i + 1] = (struct pollfd){.fd = gives ? flow->to : -1, .events = POLLOUT};
        }
        const int ready = poll(polled, 4, relay_timeout(link, now));
        if (ready < 0 && errno != EINTR)
            relay_fail("poll");
        if (link->idle > 0 && ready == 0 && relay_now() - link->passed > link->idle && !link->up.first &&
            !link->down.first)
            link->up.is_cut = link->down.is_cut = true;
        for (size_t i = 0; i < 2; i++) {
            if (polled[2 * i].revents)
                relay_take(link, flows[i]);
            relay_give(flows[i], relay_now());
        }
    }
}

static void relay_close(relay_flow *flow) {
    relay_end_output(flow);
    if (flow->from >= 0)
        relay_end_input(flow);
    if (flow->record && fclose(flow->record))
        relay_fail("the record");
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

/* How the command ended. */
typedef struct relay_outcome {
    int status; /* as of wait() */
    double cpu;
    long peak; /* KiB */
} relay_outcome;

static double relay_seconds(const struct rusage *used) {
    return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) +
           (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e6;
}

/* What the shell of the other machine is given: the words with spaces between them. */
static char *relay_line(char **words) {
    size_t size = 1;
    for (char **word = words; *word; word++)
        size += strlen(*word) + 1;
    char *const line = calloc(1, size);
    if (!line)
        relay_fail("memory");
    char *at = line;
    for (char **word = words; *word; word++) {
        at = stpcpy(at, *word);
        if (word[1])
            *at++ = ' ';
    }
    return line;
}

/* Runs the command, waits for it, and writes its outcome to `told`. In a session of its own: Ctrl-C is not for it. */
static void relay_supervise(char **words, bool keep, int told) {
    relay_outcome outcome = {0};
    struct rusage used;
    (void)signal(SIGCHLD, SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setsid();
    const pid_t child = fork();
    if (child < 0)
        relay_fail("fork");
    if (child == 0) {
        if (keep)
            (void)execvp(words[0], words);
        else
            (void)execl("/bin/sh", "sh", "-c", relay_line(words + 1), (char *)NULL);
        relay_fail(words[0]);
    }
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    while (wait4(child, &outcome.status, 0, &used) < 0)
        if (errno != EINTR)
            relay_fail("wait4");
    outcome.cpu = relay_seconds(&used);
    outcome.peak = used.ru_maxrss;
    (void)!write(told, &outcome, sizeof outcome);
    _exit(0);
}

static void relay_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC))
        relay_fail("pipe");
}

/* Starts the supervisor; the command's input and output become `to` and `from`, unless it has ours. Returns from where
 * the outcome will come. */
static int relay_start(char **words, bool keep, bool plain, int *to, int *from) {
    int input[2];
    int output[2];
    int outcome[2];
    relay_pipe(input);
    relay_pipe(output);
    relay_pipe(outcome);
    (void)fcntl(input[1], F_SETPIPE_SZ, PIPE_SIZE);
    (void)fcntl(output[1], F_SETPIPE_SZ, PIPE_SIZE);
    (void)signal(SIGCHLD, SIG_IGN); /* so that nothing of it is counted as ours */
    const pid_t supervisor = fork();
    if (supervisor < 0)
        relay_fail("fork");
    if (supervisor == 0) {
        if (!plain && (dup2(input[0], STDIN_FILENO) < 0 || dup2(output[1], STDOUT_FILENO) < 0))
            relay_fail("dup2");
        (void)close(outcome[0]);
        (void)close(input[1]); /* else the command's input never ends */
        (void)close(output[0]);
        relay_supervise(words, keep, outcome[1]);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    (void)close(outcome[1]);
    *to = input[1];
    *from = output[0];
    return outcome[0];
}

/* ---- Its command line -------------------------------------------------------------------------------------------- */

typedef struct relay_options {
    const char *report;
    const char *record;
    bool keep;
    bool plain;
} relay_options;

static void relay_refuse(const char *what) {
    (void)fprintf(stderr, "relay: %s is not understood\n", what);
    exit(2);
}

/* The flow that WAY: names; *rest is what follows. */
static relay_flow *relay_way(relay_link *link, const char *text, const char **rest) {
    const bool up = strncmp(text, "up:", 3) == 0;
    if (!up && strncmp(text, "down:", 5) != 0)
        relay_refuse(text);
    *rest = text + (up ? 3 : 5);
    return up ? &link->up : &link->down;
}

static uint64_t relay_number(const char *text, const char **rest) {
    char *end = NULL;
    errno = 0;
    const uint64_t value = strtoull(text, &end, 0);
    if (end == text || errno)
        relay_refuse(text);
    *rest = end;
    return value;
}

/* N, #M or #M+N. */
static relay_place relay_place_of(const char *text, const char **rest) {
    relay_place place = {.message = NEVER};
    if (*text == '#') {
        place.message = relay_number(text + 1, &text);
        if (*text != '+') {
            *rest = text;
            return place;
        }
        text++;
    }
    place.bytes = relay_number(text, rest);
    return place;
}

static void relay_fault(relay_link *link, const char *text, bool change) {
    const char *rest = text;
    relay_flow *const flow = relay_way(link, text, &rest);
    const relay_place place = relay_place_of(rest, &rest);
    if (change) {
        if (*rest != ':')
            relay_refuse(text);
        flow->with = (unsigned char)relay_number(rest + 1, &rest);
    }
    if (*rest)
        relay_refuse(text);
    *(change ? &flow->change : &flow->cut) = place;
    flow->looks = true;
}

static void relay_first(relay_link *link, const char *text) {
    const char *rest = text;
    relay_flow *const flow = relay_way(link, text, &rest);
    flow->messages.before = relay_number(rest, &rest);
    flow->looks = true;
    if (*rest)
        relay_refuse(text);
}

/* Reads the options; returns what follows them. */
static char **relay_parse(char **words, relay_options *options, relay_link *link) {
    for (; *words && strncmp(*words, "--", 2) == 0; words++) {
        const char *const name = *words;
        options->keep |= strcmp(name, "--keep") == 0;
        options->plain |= strcmp(name, "--plain") == 0;
        if (strcmp(name, "--keep") == 0 || strcmp(name, "--plain") == 0)
            continue;
        const char *const value = *++words;
        if (!value)
            relay_refuse(name);
        if (strcmp(name, "--report") == 0)
            options->report = value;
        else if (strcmp(name, "--record") == 0)
            options->record = value;
        else if (strcmp(name, "--rate") == 0)
            link->seconds_per_byte = 8 / strtod(value, NULL);
        else if (strcmp(name, "--delay") == 0)
            link->delay = strtod(value, NULL) / 1e3;
        else if (strcmp(name, "--idle") == 0)
            link->idle = strtod(value, NULL) / 1e3;
        else if (strcmp(name, "--first") == 0)
            relay_first(link, value);
        else if (strcmp(name, "--cut") == 0 || strcmp(name, "--change") == 0)
            relay_fault(link, value, strcmp(name, "--change") == 0);
        else
            relay_refuse(name);
    }
    if (!words[0] || !words[1])
        relay_refuse("a command line without HOST and COMMAND");
    return words;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static FILE *relay_open(const char *prefix, const char *suffix) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s%s", prefix, suffix);
    FILE *const file = fopen(path, "we");
    if (!file)
        relay_fail(path);
    return file;
}

static void relay_report(const char *path, const relay_link *link, const relay_outcome *outcome) {
    struct rusage used = {0};
    (void)getrusage(RUSAGE_SELF, &used);
    FILE *const file = relay_open(path, "");
    (void)fprintf(file,
                  "{\"up\": %llu, \"down\": %llu, \"messages_up\": %llu, \"messages_down\": %llu, \"status\": %d, "
                  "\"cpu\": %.6f, \"peak\": %lld, \"own_cpu\": %.6f}\n",
                  (unsigned long long)link->up.taken, (unsigned long long)link->down.taken,
                  (unsigned long long)link->up.messages.number, (unsigned long long)link->down.messages.number,
                  WIFEXITED(outcome->status) ? WEXITSTATUS(outcome->status) : -WTERMSIG(outcome->status), outcome->cpu,
                  1024LL * outcome->peak, relay_seconds(&used));
    if (fclose(file))
        relay_fail(path);
}

static void relay_unblock(int descriptor) {
    (void)fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

int main(int count, char **words) {
    (void)count;
    const relay_place nowhere = {.message = NEVER, .bytes = NEVER};
    relay_link link = {.up = {.from = STDIN_FILENO, .cut = nowhere, .change = nowhere},
                       .down = {.to = STDOUT_FILENO, .cut = nowhere, .change = nowhere}};
    relay_options options = {0};
    relay_outcome outcome = {.status = BROKEN << 8};
    char **const rest = relay_parse(words + 1, &options, &link);

    const int told = relay_start(rest, options.keep, options.plain, &link.up.to, &link.down.from);
    (void)signal(SIGPIPE, SIG_IGN);
    link.up.last = &link.up.first;
    link.down.last = &link.down.first;
    link.window = QUEUE;
    link.passed = relay_now();
    if (link.seconds_per_byte > 0)
        link.window += (size_t)(2 * link.delay / link.seconds_per_byte);
    else if (link.delay > 0)
        link.window = SIZE_MAX;
    if (options.record) {
        link.up.record = relay_open(options.record, ".up");
        link.down.record = relay_open(options.record, ".down");
    }
    link.up.is_cut = relay_is_here(&link.up, link.up.cut, 0);
    link.down.is_cut = relay_is_here(&link.down, link.down.cut, 0);
    const int ends[4] = {link.up.from, link.up.to, link.down.from, link.down.to};
    for (int i = 0; i < 4 && !options.plain; i++)
        relay_unblock(ends[i]);
    if (!options.plain)
        relay_pass(&link);
    const bool broken = link.up.is_cut || link.down.is_cut;
    relay_close(&link.up);
    relay_close(&link.down);
    while (read(told, &outcome, sizeof outcome) < 0 && errno == EINTR) {
    }
    if (options.report)
        relay_report(options.report, &link, &outcome);
    if (broken)
        return BROKEN;
    return WIFEXITED(outcome.status) ? WEXITSTATUS(outcome.status) : 128 + WTERMSIG(outcome.status);
}
