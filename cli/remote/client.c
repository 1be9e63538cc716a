/*
 * client.c: see client.h. The request goes out together with the first bytes of the session, so an exchange takes no
 * trip more than the session.
 *
 * What can go wrong on the way to the other machine is told apart: where there is no redelta, another one, one that
 * refuses, or a shell that prints something before it. The remote shell prints its own messages.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/remote/client.h"

#include <string.h>

#include "cli/remote/link.h"
#include "cli/remote/shell.h"
#include "cli/remote/side.h"

/* Exit statuses of shells, and of ssh. */
const char client_unknown_text[] = "whether the file was replaced is not known: run it again";

enum { SHELL_USAGE = 2, SHELL_NO_PERMISSION = 126, SHELL_NOT_FOUND = 127, SHELL_NO_CONNECTION = 255 };

enum { CLIENT_BANNER_MAX = 60 };

/* How long the other side may take to end, seconds. */
static const double client_patience = 5.0;

typedef struct client {
    const client_order *order;
    client_report *report;
    client_show_fn *show;
    void *context;
    remote_place place;
    remote_wishes wishes;
    remote_side side;
    remote_shell shell;
    remote_link link;
} client;

/* ---- What is wrong ---------------------------------------------------------------------------------------------- */

/* The file on the other machine. */
static rd_role client_remote_role(const client *c) {
    return c->wishes.push ? RD_ROLE_BASIS : RD_ROLE_NEW;
}

/* The text of the report is the reason. */
static rd_result client_fail(client *c, rd_result result, const char *advice) {
    c->report->failure.error =
        (rd_error){.result = result, .role = client_remote_role(c), .offset = RD_UNKNOWN, .reason = c->report->text};
    c->report->failure.advice = advice;
    return result;
}

static rd_result client_fail_connection(client *c, rd_result result, const char *advice) {
    c->report->failure.connection = true;
    return client_fail(c, result, advice);
}

static rd_result client_fail_memory(client *c) {
    return c->report->failure.error.result = RD_E_MEMORY;
}

/* It ended without an answer. */
static rd_result client_fail_unanswered(client *c) {
    client_report *const report = c->report;
    shell_hang_up(&c->shell);
    const int status = shell_wait(&c->shell, client_patience);
    const char *advice = "see what it said, and try it by hand";
    if (status == SHELL_NOT_FOUND) {
        (void)snprintf(report->text, sizeof report->text, "there is no redelta on the other machine");
        advice = "install it there, or say where it is by --remote-program";
    } else if (status == SHELL_NO_PERMISSION) {
        (void)snprintf(report->text, sizeof report->text, "redelta cannot be run on the other machine");
        advice = "check its permissions there, or say where it is by --remote-program";
    } else if (status == SHELL_NO_CONNECTION) {
        (void)snprintf(report->text, sizeof report->text, "no connection could be made");
        advice = "see what the remote shell said, and try it by hand";
    } else {
        (void)snprintf(report->text, sizeof report->text, "the other side ended before it answered, with status %d",
                       status);
        if (status == SHELL_USAGE)
            advice = "see what it said; the redelta there may be too old";
    }
    return client_fail_connection(c, RD_E_TRUNCATED, advice);
}

/* What came is not the protocol: it is shown. */
static rd_result client_fail_banner(client *c) {
    char shown[CLIENT_BANNER_MAX * 4 + 1];
    const size_t came = c->link.input_end - c->link.input_start;
    failure_quote(shown, sizeof shown, (const char *)c->link.input + c->link.input_start,
                  came < CLIENT_BANNER_MAX ? came : CLIENT_BANNER_MAX);
    (void)snprintf(c->report->text, sizeof c->report->text,
                   "the other side did not begin with redelta's protocol: '%s'", shown);
    return client_fail_connection(
        c, RD_E_MAGIC, "a start-up file of the shell there may print something: make it silent if nobody sees it");
}

static rd_result client_fail_version(client *c, unsigned version) {
    (void)snprintf(c->report->text, sizeof c->report->text,
                   "redelta there speaks version %u of the protocol, and this one version %d", version,
                   CONNECTION_VERSION);
    return client_fail_connection(c, RD_E_MAGIC, "install the same version on both machines");
}

bool client_replacement_is_unknown(const client_report *report, const remote_wishes *wishes) {
    const rd_session_state *const session = &report->session;
    return wishes->push && !wishes->dry_run && report->said_all && session->has_digest &&
           session->done == session->new_size;
}

/* To somebody whose connection broke, or who was ended: on the side that writes, what arrived is kept. */
static const char *client_advice_to_go_on(const client *c) {
    return c->wishes.partial ? "nothing was replaced; run it again: with --partial, it looks for what arrived"
                             : "nothing was replaced; run it again";
}

static rd_result client_fail_broken(client *c) {
    c->report->session = side_state(&c->side);
    c->report->said_all = link_has_said_all(&c->link);
    shell_hang_up(&c->shell);
    const int status = shell_wait(&c->shell, client_patience);
    if (status != 0)
        (void)snprintf(c->report->text, sizeof c->report->text,
                       "the connection broke: the remote shell ended with status %d", status);
    else
        (void)snprintf(c->report->text, sizeof c->report->text, "the connection broke");
    return client_fail_connection(c, RD_E_TRUNCATED,
                                  client_replacement_is_unknown(c->report, &c->wishes) ? client_unknown_text
                                                                                       : client_advice_to_go_on(c));
}

static rd_result client_fail_corrupt(client *c, const char *reason) {
    (void)snprintf(c->report->text, sizeof c->report->text, "what came is not the protocol: %s", reason);
    return client_fail_connection(c, RD_E_CORRUPT, "nothing was replaced; install the same version on both machines");
}

/* Takes what the other side says apart: what is wrong; what to do. NULL: it gives no advice. */
static const char *client_take_text(client *c, const char *text) {
    client_report *const report = c->report;
    const char *const end = strstr(text, "; ");
    (void)snprintf(report->text, sizeof report->text, "%.*s", (int)(end != NULL ? (size_t)(end - text) : strlen(text)),
                   text);
    (void)snprintf(report->advice, sizeof report->advice, "%s", end != NULL ? end + 2 : "");
    return report->advice[0] != '\0' ? report->advice : NULL;
}

/* The other side has said why it failed. */
static rd_result client_fail_peer(client *c, rd_result result, const char *text) {
    const char *const advice = client_take_text(c, text[0] != '\0' ? text : rd_result_message(result));
    if (advice != NULL && result != RD_E_TRUNCATED && result != RD_E_MAGIC && result != RD_E_CORRUPT)
        return client_fail(c, result, advice);
    switch (result) {
    case RD_E_TRUNCATED: return client_fail_broken(c);
    case RD_E_MAGIC:
    case RD_E_CORRUPT: return client_fail_corrupt(c, text);
    case RD_E_CANCELLED: return client_fail_connection(c, result, client_advice_to_go_on(c));
    case RD_E_CHANGED:
    case RD_E_MISMATCH: return client_fail(c, result, "nothing was replaced; run it again");
    case RD_E_LIMIT: return client_fail(c, result, "raise --max-output if the output is meant to be that large");
    default: return client_fail(c, result, "nothing was replaced; check it on the other machine");
    }
}

/* ---- The conversation ------------------------------------------------------------------------------------------- */

/* Reads an answer of the kind that is due. */
static rd_result client_read_answer(client *c, message_kind kind, remote_answer *answer) {
    static uint8_t rest[MESSAGE_MAX];
    message_header header = {0};
    const rd_result result = link_read_message(&c->link, &header, rest);
    if (result != RD_OK)
        return result;
    if (header.version != CONNECTION_VERSION)
        return client_fail_version(c, header.version);
    if (header.kind != (unsigned)kind || message_get_answer(answer, rest, header.length) != RD_OK)
        return client_fail_corrupt(c, "an answer of another kind was due");
    return RD_OK;
}

static rd_result client_await_reply(client *c) {
    remote_answer answer;
    const rd_result result = client_read_answer(c, MESSAGE_REPLY, &answer);
    const bool silent = c->link.input_start == c->link.input_end;
    if (result == RD_OK)
        return answer.result == RD_OK ? RD_OK : client_fail_peer(c, answer.result, answer.text);
    if (result == RD_E_CANCELLED || c->report->failure.connection)
        return result;
    return result == RD_E_MAGIC || !silent ? client_fail_banner(c) : client_fail_unanswered(c);
}

/* Of a server that wrote the file, or that failed. */
static rd_result client_await_status(client *c) {
    client_report *const report = c->report;
    remote_answer answer;
    const rd_result result = client_read_answer(c, MESSAGE_STATUS, &answer);
    if (result == RD_E_CANCELLED || report->failure.connection)
        return result;
    if (result != RD_OK) {
        (void)client_fail_broken(c);
        report->failure.advice = client_unknown_text;
        return RD_E_TRUNCATED;
    }
    report->created = answer.created;
    report->identical = answer.identical;
    report->notes = answer.notes;
    if (answer.result != RD_OK)
        return client_fail_peer(c, answer.result, answer.text);
    (void)client_take_text(c, answer.text);
    return RD_OK;
}

static bool client_show(void *context) {
    client *const c = context;
    const rd_session_state state = side_state(&c->side);
    return c->show(c->context, &state, c->link.sent + c->link.received);
}

/* What the session's result means. */
static rd_result client_judge(client *c, rd_result result) {
    const rd_error *const error = rd_session_error(c->side.session);
    remote_answer answer;
    switch (result) {
    case RD_OK: return c->wishes.push ? client_await_status(c) : RD_OK;
    case RD_E_PEER:
        if (client_read_answer(c, MESSAGE_STATUS, &answer) == RD_OK && answer.result != RD_OK)
            return client_fail_peer(c, answer.result, answer.text);
        c->report->failure.connection = false;
        return client_fail_peer(c, RD_E_PEER, rd_session_message(c->side.session));
    case RD_E_TRUNCATED:
        /* A file that became shorter is one's own. */
        return error->result == result && error->role != RD_ROLE_NONE ? result : client_fail_broken(c);
    case RD_E_MAGIC:
    case RD_E_CORRUPT: return client_fail_corrupt(c, error->reason != NULL ? error->reason : "it breaks its rules");
    default: return result;
    }
}

static rd_result client_talk(client *c) {
    static uint8_t request[MESSAGE_MAX];
    rd_result result = link_open(&c->link, c->shell.from, c->shell.to, c->order->rate);
    if (result == RD_OK) {
        link_put(&c->link, request, message_put_request(request, &c->wishes));
        link_flush(&c->link, client_patience);       /* the session may work for long before it says anything */
        (void)link_begin(&c->link, c->side.session); /* an error of it comes again */
        result = client_await_reply(c);
        if (result == RD_OK)
            result = client_judge(c, link_run(&c->link, c->side.session, client_show, c));
    } else {
        (void)client_fail_memory(c);
    }
    c->report->sent = c->link.sent;
    c->report->received = c->link.received;
    c->report->said_all = link_has_said_all(&c->link);
    return result;
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static rd_result client_start_shell(client *c) {
    char line[CLIENT_TEXT_MAX];
    (void)snprintf(line, sizeof line, "%s serve --stdio", c->order->program);
    if (strlen(c->order->program) > sizeof line - 32)
        return failure_refusal(&c->report->failure, client_remote_role(c),
                               "cannot be reached: --remote-program is too long", "give it a shorter name");
    const rd_result result = shell_start(&c->shell, c->order->shell, c->place.host, line, &c->report->failure);
    if (result == RD_OK || result == RD_E_MEMORY)
        return result;
    const int system_error = c->report->failure.error.system_error;
    const char *const advice = c->report->failure.advice;
    char shown[CLIENT_BANNER_MAX * 4 + 1];
    failure_quote(shown, sizeof shown, c->order->shell, strlen(c->order->shell));
    (void)snprintf(c->report->text, sizeof c->report->text, "the remote shell '%s' %s", shown,
                   c->report->failure.error.reason);
    if (result == RD_E_PARAMETER)
        return client_fail(c, result, advice);
    (void)client_fail_connection(c, result, advice);
    c->report->failure.error.system_error = system_error;
    return result;
}

static rd_result client_prepare(client *c) {
    const size_t length = strlen(c->place.path);
    if (length > MESSAGE_PATH_MAX)
        return failure_refusal(&c->report->failure, client_remote_role(c), "is a name that is too long",
                               "choose another");
    memcpy(c->wishes.path, c->place.path, length + 1);
    c->side = (remote_side){
        .wishes = &c->wishes, .receives = !c->wishes.push, .name = c->order->local, .threads = c->order->threads};
    const rd_result result = side_open(&c->side);
    if (result != RD_OK)
        c->report->failure = c->side.failure;
    return result;
}

/* The side has the last word, unless it is only told that the other one, or the connection, failed. */
static rd_result client_finish(client *c, rd_result result) {
    client_report *const report = c->report;
    const bool known = result != RD_OK && report->failure.error.result != RD_OK;
    const rd_result finished = side_finish(&c->side, result);
    report->session = side_state(&c->side);
    if (!known && finished != RD_OK)
        report->failure = c->side.failure;
    if (!c->wishes.push) {
        report->created = c->side.created;
        report->identical = side_is_identical(&c->side);
        report->notes = c->side.output.notes;
        if (finished == RD_OK && c->side.left)
            (void)client_take_text(c, partial_left_text);
    }
    return known ? result : finished;
}

rd_result client_run(client_report *report, const client_order *order, client_show_fn *show, void *context) {
    client c = {.order = order, .report = report, .show = show, .context = context, .wishes = order->wishes};
    c.shell = (remote_shell){.to = -1, .from = -1};
    report->failure.error.offset = RD_UNKNOWN;
    rd_result result = place_parse(&c.place, order->remote, client_remote_role(&c), &report->failure);
    if (result != RD_OK)
        return result;
    result = client_prepare(&c);
    if (result == RD_OK)
        result = client_start_shell(&c);
    const bool started = result == RD_OK;
    if (started)
        result = client_talk(&c);
    if (c.side.session != NULL)
        result = client_finish(&c, result);
    if (started)
        link_close(&c.link);
    shell_hang_up(&c.shell);
    if (result == RD_OK)
        shell_leave(&c.shell, client_patience);
    else
        (void)shell_wait(&c.shell, client_patience);
    side_close(&c.side);
    return result;
}
