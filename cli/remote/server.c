/*
 * server.c: see server.h. It serves one file and ends; who may start it is ssh's business, or that of whoever else
 * leads here. Until the destination is committed nothing is changed, so whatever ends it, a signal or a connection that
 * is closed, leaves the old file.
 *
 * As the command that ssh is forced to run, it ignores what the client wanted to run ($SSH_ORIGINAL_COMMAND): all that
 * counts is the request.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/remote/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/base/interrupt.h"
#include "cli/remote/link.h"
#include "cli/remote/root.h"
#include "cli/remote/side.h"

/* How long the client may take to hear how it went, if it does not read, seconds. */
static const double server_patience = 10.0;

static const char server_advice_on_limit[] =
    "the limit is that of --max-output there, where 'redelta serve' has it as an option";

typedef struct server {
    const server_rules *rules;
    remote_link link;
    remote_wishes wishes;
    bool limited; /* by the server's own --max-output, and not by what the client allows */
    remote_side side;
    char home_path[2 * MESSAGE_PATH_MAX];
} server;

/* ---- Answers ---------------------------------------------------------------------------------------------------- */

static void server_answer(server *s, message_kind kind, const remote_answer *answer) {
    static uint8_t data[MESSAGE_MAX];
    link_put(&s->link, data, message_put_answer(data, kind, answer));
    link_flush(&s->link, server_patience);
}

/*
 * "cannot be opened: No such file or directory", or "is served for reading only; fetch from it": the advice, if this
 * side has any, stands behind a semicolon, as the client shows it.
 */
static void server_answer_failure(server *s, message_kind kind, rd_result result, const cli_failure *failure) {
    const rd_error *const error = &failure->error;
    const char *const reason = error->reason != NULL ? error->reason : rd_result_message(result);
    remote_answer answer = {.result = result};
    if (error->system_error != 0)
        (void)snprintf(answer.text, sizeof answer.text, "%s: %s", reason, strerror(error->system_error));
    else
        (void)snprintf(answer.text, sizeof answer.text, "%s", reason);
    const char *const advice = result == RD_E_LIMIT && s->limited ? server_advice_on_limit : failure->advice;
    const size_t length = strlen(answer.text);
    if (advice != NULL)
        (void)snprintf(answer.text + length, sizeof answer.text - length, "; %s", advice);
    server_answer(s, kind, &answer);
}

/* ---- The request ------------------------------------------------------------------------------------------------ */

static rd_result server_fail(cli_failure *failure, rd_result result, const char *reason, const char *advice) {
    failure->error = (rd_error){.result = result, .offset = RD_UNKNOWN, .reason = reason};
    failure->advice = advice;
    failure->connection = true;
    return result;
}

static rd_result server_read_request(server *s, bool *told, cli_failure *failure) {
    static uint8_t rest[MESSAGE_MAX];
    message_header header;
    rd_result result = link_read_message(&s->link, &header, rest);
    *told = result == RD_E_TRUNCATED && s->link.received > 0; /* a client that has gone */
    if (result == RD_E_MAGIC || result == RD_E_TRUNCATED)
        return server_fail(failure, result, "what came is no request of a client of redelta",
                           "let 'redelta sync' start it");
    if (result != RD_OK)
        return failure->error.result = result;
    const bool same = header.version == CONNECTION_VERSION;
    if (same && header.kind == MESSAGE_REQUEST)
        result = message_get_request(&s->wishes, rest, header.length);
    if (same && header.kind == MESSAGE_REQUEST && result == RD_OK)
        return RD_OK;
    (void)server_fail(failure, RD_E_CORRUPT, same ? "the request breaks the rules" : "the request has another version",
                      "install the same version of redelta on both machines");
    server_answer_failure(s, MESSAGE_REPLY, RD_E_CORRUPT, failure);
    *told = true;
    return RD_E_CORRUPT;
}

/* ~/ is a directory for shells, and no shell has seen the path. */
static const char *server_path(server *s) {
    const char *const home = getenv("HOME");
    if (s->rules->root != NULL || home == NULL || strncmp(s->wishes.path, "~/", 2) != 0 ||
        strlen(home) > MESSAGE_PATH_MAX)
        return s->wishes.path;
    (void)snprintf(s->home_path, sizeof s->home_path, "%s/%s", home, s->wishes.path + 2);
    return s->home_path;
}

static rd_result server_open(server *s) {
    remote_side *const side = &s->side;
    const server_rules *const rules = s->rules;
    const bool push = s->wishes.push;
    if (push && rules->read_only && !s->wishes.dry_run)
        return failure_refusal(&side->failure, RD_ROLE_BASIS, "is served for reading only",
                               "only fetch it, or change how it is served");
    if (rules->root != NULL && s->wishes.follow)
        return failure_refusal(&side->failure, RD_ROLE_BASIS, "is served without --follow", "leave out --follow");
    s->limited = rules->max_output > 0 && (s->wishes.max_output == 0 || s->wishes.max_output > rules->max_output);
    if (s->limited)
        s->wishes.max_output = rules->max_output;
    if (s->wishes.compression > rd_compression_max())
        s->wishes.compression = rd_compression_max();
    *side = (remote_side){.wishes = &s->wishes,
                          .receives = push,
                          .beneath = rules->root != NULL,
                          .name = server_path(s),
                          .threads = rules->threads,
                          .input.fd = -1,
                          .partial.fd = -1};
    if (rules->root != NULL) {
        const rd_result result =
            root_enter(rules->root, s->wishes.path, &side->name, push ? RD_ROLE_BASIS : RD_ROLE_NEW, &side->failure);
        if (result != RD_OK)
            return result;
    }
    return side_open(side);
}

/* ---- The work --------------------------------------------------------------------------------------------------- */

static bool server_show(void *context) {
    (void)context;
    return !interrupt_caught();
}

/* A client that hears of an error has no need of more; else it waits to hear how it went if it did not write itself. */
static rd_result server_work(server *s) {
    remote_side *const side = &s->side;
    server_answer(s, MESSAGE_REPLY, &(remote_answer){.result = RD_OK});
    (void)link_begin(&s->link, side->session); /* what it has to say travels before its work; an error comes again */
    rd_result result = link_run(&s->link, side->session, server_show, NULL);
    const bool identical = side_is_identical(side);
    result = side_finish(side, result);
    if (result == RD_E_CANCELLED)
        side->failure.error.reason = "was interrupted: redelta there was ended by a signal";
    remote_answer answer = {.created = side->created, .identical = identical, .notes = side->output.notes};
    if (side->left)
        (void)snprintf(answer.text, sizeof answer.text, "%s", partial_left_text);
    if (result == RD_OK && side->receives)
        server_answer(s, MESSAGE_STATUS, &answer);
    else if (result != RD_OK)
        server_answer_failure(s, MESSAGE_STATUS, result, &side->failure);
    return result;
}

static rd_result server_converse(server *s, bool *told, cli_failure *failure) {
    rd_result result = server_read_request(s, told, failure);
    if (result != RD_OK)
        return result;
    s->side.partial.fd = s->side.input.fd = -1; /* it may never be opened */
    result = server_open(s);
    *told = true;
    if (result == RD_OK)
        result = server_work(s);
    else
        server_answer_failure(s, MESSAGE_REPLY, result, &s->side.failure);
    *failure = s->side.failure;
    side_close(&s->side);
    return result;
}

rd_result server_run(const server_rules *rules, bool *told, cli_failure *failure) {
    server *const s = calloc(1, sizeof *s);
    *told = false;
    if (s == NULL)
        return failure->error.result = RD_E_MEMORY;
    s->rules = rules;
    rd_result result = RD_E_PARAMETER;
    if (isatty(STDIN_FILENO)) {
        result = failure_refusal(failure, RD_ROLE_NONE, "is no client of redelta, but a terminal",
                                 "let 'redelta sync' start it");
    } else {
        result = link_open(&s->link, STDIN_FILENO, STDOUT_FILENO, 0);
        if (result == RD_OK)
            result = server_converse(s, told, failure);
        else
            failure->error.result = result;
        link_close(&s->link);
    }
    free(s);
    return result;
}
