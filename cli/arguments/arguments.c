/*
 * arguments.c: the command line, from argv to one struct.
 *
 * Options and operands may stand in any order, also before the verb. So the words are first only sorted (words.c), and
 * get their meaning here and in values.c when all of them, and the verb, are known: then every message can name the
 * verb, and an option can be checked against the verb or another option.
 */
#include "cli/arguments/arguments.h"

#include <stdlib.h>
#include <string.h>

#include "cli/arguments/nearest.h"
#include "cli/arguments/options.h"
#include "cli/arguments/values.h"
#include "cli/arguments/words.h"
#include "cli/report/records.h"
#include "cli/report/report.h"
#include "cli/verbs/external.h"
#include "cli/verbs/verbs.h"

/* Room for the names of all verbs in a sentence. */
enum { LIST_MAX = 160 };

/* Writes the names of the verbs that take an option into text[0 .. LIST_MAX): "delta, patch and verify". */
static void arguments_list_verbs(char *text, cli_option option, const char *last) {
    int left = 0;
    size_t used = 0;
    for (int v = 0; v < VERBS; v++)
        left += option_is_for(option, verbs[v]);
    text[0] = '\0';
    for (int v = 0; v < VERBS && used < LIST_MAX; v++) {
        if (!option_is_for(option, verbs[v]))
            continue;
        left--;
        const char *const separator = left > 1 ? ", " : left == 1 ? " " : "";
        used += (size_t)snprintf(text + used, LIST_MAX - used, "%s%s%s%s", verbs[v]->name, separator,
                                 left == 1 ? last : "", left == 1 ? " " : "");
    }
}

/* ---- Switches and operands -------------------------------------------------------------------------------------- */

static void arguments_switches(cli_request *request, const cli_words *words) {
    request->quiet = words_given(words, OPTION_QUIET);
    request->stats = words_given(words, OPTION_STATS) && !request->quiet;
    request->verbose = words_given(words, OPTION_VERBOSE) && !request->quiet;
    request->force = words_given(words, OPTION_FORCE);
    request->exit_code = words_given(words, OPTION_EXIT_CODE);
    request->dry_run = words_given(words, OPTION_DRY_RUN);
    request->times = words_given(words, OPTION_TIMES);
    request->follow = words_given(words, OPTION_FOLLOW);
    request->ops = words_given(words, OPTION_OPS);
    request->partial = words_given(words, OPTION_PARTIAL);
    request->standard_streams = words_given(words, OPTION_STDIO);
    request->read_only = words_given(words, OPTION_READ_ONLY);
    request->form = words_given(words, OPTION_DENSE) ? RD_FORM_DENSE : RD_FORM_PLAIN;
    request->changed = words_given(words, OPTION_ACCEPT_CHANGED) ? RD_CHANGED_ACCEPT : RD_CHANGED_FAIL;
    switch (words_later(words, OPTION_NO_VERIFY, OPTION_ALWAYS_VERIFY)) {
    case OPTION_NO_VERIFY: request->verify = RD_VERIFY_NEVER; break;
    case OPTION_ALWAYS_VERIFY: request->verify = RD_VERIFY_ALWAYS; break;
    default: request->verify = RD_VERIFY_DEFAULT;
    }
    switch (request->quiet ? OPTION_NO_PROGRESS : words_later(words, OPTION_PROGRESS, OPTION_NO_PROGRESS)) {
    case OPTION_PROGRESS: request->progress = PROGRESS_ALWAYS; break;
    case OPTION_NO_PROGRESS: request->progress = PROGRESS_NEVER; break;
    default: request->progress = PROGRESS_AUTO;
    }
}

/* An option of other verbs would be ignored, so it is refused. */
static bool arguments_check_options(const cli_verb *verb, const cli_words *words) {
    for (cli_option o = 0; o < OPTIONS; o++) {
        if (!words_given(words, o) || option_is_for(o, verb))
            continue;
        char list[LIST_MAX];
        arguments_list_verbs(list, o, "and");
        report_usage(verb->name, "option '--%s' is for %s only%s", options[o].name, list,
                     o == OPTION_OUTPUT && verb->outputs > 0 ? " (the output is the last operand)" : "");
        return false;
    }
    return true;
}

static bool arguments_is_standard(const char *word, const char *device) {
    return word == NULL || strcmp(word, "-") == 0 || strcmp(word, device) == 0;
}

static bool arguments_count_operands(const cli_request *request, const cli_words *words) {
    const cli_verb *const verb = request->verb;
    const int most = verb->inputs + verb->outputs;
    if (words->operand_count < verb->least) {
        report_usage(verb->name, "%s must be given", verb->missing);
        return false;
    }
    if (verb->many || words->operand_count <= most)
        return true;
    const char *const word = words->operands[most];
    if (request->detached_level != NULL)
        report_usage(verb->name, "unexpected argument '%.*s' (-z takes its level without a space: -z%s)",
                     report_width(word), word, request->detached_level);
    else
        report_usage(verb->name, "unexpected argument '%.*s'", report_width(word), word);
    return false;
}

/* The name of the output as it was given; NULL if it was not. */
static const char *arguments_output(const cli_verb *verb, const cli_words *words) {
    if (verb->outputs == 0)
        return words_value(words, OPTION_HTML);
    return verb->many ? words_value(words, OPTION_OUTPUT) : words->operands[verb->inputs];
}

static bool arguments_operands(cli_request *request, const cli_words *words) {
    const cli_verb *const verb = request->verb;
    request->detached_level = value_detached_level(words);
    if (!arguments_count_operands(request, words))
        return false;
    const char *const output = arguments_output(verb, words);
    request->makes_output = verb->outputs > 0 || words_given(words, OPTION_HTML);
    request->output = arguments_is_standard(output, "/dev/stdout") ? NULL : output;
    int standard = 0;
    request->input_count = (unsigned)(verb->many ? words->operand_count : verb->inputs);
    request->has_basis = words_given(words, OPTION_BASIS);
    if (request->has_basis)
        request->inputs[request->input_count++] = words_value(words, OPTION_BASIS);
    for (unsigned i = 0; i < request->input_count; i++) {
        if (arguments_is_standard(request->inputs[i], "/dev/stdin"))
            request->inputs[i] = NULL;
        standard += request->inputs[i] == NULL;
    }
    if (standard > 1) {
        report_usage(request->verb->name, "only one input can be standard input");
        return false;
    }
    return true;
}

/* As an unset variable of a shell makes it. */
static bool arguments_check_names(const cli_request *request) {
    bool empty = request->output != NULL && request->output[0] == '\0';
    for (unsigned i = 0; i < request->input_count; i++)
        empty = empty || (request->inputs[i] != NULL && request->inputs[i][0] == '\0');
    if (empty)
        report_usage(request->verb->name, "a file name is empty");
    return !empty;
}

/* A verb may work in two ways, by what its names are: each has options of its own. */
static bool arguments_choose(cli_request *request, const cli_words *words) {
    if (request->verb->choose == NULL)
        return true;
    request->verb = request->verb->choose(request);
    for (cli_option o = 0; o < OPTIONS; o++) {
        if (!words_given(words, o) || option_is_for(o, request->verb))
            continue;
        report_usage(request->verb->name, "option '--%s' cannot be combined with %s", options[o].name,
                     request->verb->only);
        return false;
    }
    return true;
}

/* There may be other ways to serve one day. */
static bool arguments_check_serving(const cli_request *request) {
    if (!option_is_for(OPTION_STDIO, request->verb) || request->standard_streams)
        return true;
    report_usage(request->verb->name, "--stdio must be given");
    return false;
}

static bool arguments_check_inspection(const cli_request *request) {
    if (!request->ops || !request->makes_output)
        return true;
    report_usage(request->verb->name, "--ops and --html cannot be combined");
    return false;
}

/* A dense delta is coded by zstd, and has digests in any case. */
static bool arguments_check_form(const cli_request *request) {
    if (request->form != RD_FORM_DENSE)
        return true;
    if (rd_compression_max() == 0)
        report_usage(request->verb->name, "cannot make a dense delta: this redelta was built without zstd");
    else if (request->verify == RD_VERIFY_NEVER)
        report_usage(request->verb->name, "--dense and --no-verify cannot be combined");
    else
        return true;
    return false;
}

/* Records go to standard output, or to a file. Neither may be what the verb writes to. */
static bool arguments_json(cli_request *request, const cli_words *words) {
    const char *file = words_value(words, OPTION_JSON);
    request->json = words_given(words, OPTION_JSON);
    request->json_file = arguments_is_standard(file, "/dev/stdout") ? NULL : file;
    if (!request->json)
        return true;
    if (file != NULL && file[0] == '\0')
        report_usage(request->verb->name, "option '--json=' needs a value");
    else if (request->json_file != NULL || request->output != NULL || !request->makes_output)
        return true;
    else
        report_usage(request->verb->name,
                     "--json and the output cannot both go to standard output: name a file for one of them");
    return false;
}

/* Whether a word asks for records on standard output. It is known before the words are sorted: that may fail. */
static bool arguments_ask_for_records(int argc, char **argv) {
    bool asks = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strncmp(argv[i], "--json", strlen("--json")) == 0)
            asks = strcmp(argv[i], "--json") == 0;
    return asks;
}

static const char *arguments_nearest_verb(const char *word) {
    nearest search = nearest_to(word);
    for (int v = 0; v < VERBS; v++)
        nearest_try(&search, verbs[v]->name);
    for (int e = 0; e < EXTERNALS; e++)
        nearest_try(&search, externals[e].name);
    return search.best;
}

/* One that is a program of its own; it was not run, because it is not installed or not the first word. */
static void arguments_report_external(const cli_external *verb) {
    char path[EXTERNAL_PATH_MAX];
    if (external_find(verb->name, path))
        report_usage(NULL, "the verb '%s' must come first, before its options", verb->name);
    else
        report_usage(NULL, "the verb '%s' is not installed: %s", verb->name, verb->to_install);
}

static void arguments_report_verb(const cli_words *words, const char *word) {
    char list[LIST_MAX];
    const char *const meant = arguments_nearest_verb(word);
    arguments_list_verbs(list, OPTION_HELP, "or");
    if (external_known(word) != NULL)
        arguments_report_external(external_known(word));
    else if (strcmp(word, options[OPTION_VERSION].name) == 0)
        report_usage(NULL, "unknown verb '%s' (did you mean --%s?)", word, word);
    else if (word == words->after_compress && value_detached_level(words) != NULL)
        report_usage(NULL, "unknown verb '%s' (-z takes its level without a space: -z%s)", word, word);
    else if (meant != NULL)
        report_usage(NULL, "unknown verb '%.*s' (did you mean %s?)", report_width(word), word, meant);
    else
        report_usage(NULL, "unknown verb '%.*s': choose %s", report_width(word), word, list);
}

static bool arguments_verb(cli_request *request, const cli_words *words) {
    if (words->verb == NULL) {
        if (request->help || request->version)
            return true;
        char list[LIST_MAX];
        arguments_list_verbs(list, OPTION_HELP, "or");
        report_usage(NULL, "the verb is missing: choose %s", list);
        return false;
    }
    const char *word = words->verb;
    if (strcmp(word, options[OPTION_HELP].name) == 0) { /* `help VERB` is as `VERB --help` */
        request->help = true;
        word = words->operand_count > 0 ? words->operands[0] : NULL;
        if (word == NULL)
            return true;
    }
    request->verb = words_verb(word);
    if (request->verb == NULL)
        arguments_report_verb(words, word);
    return request->verb != NULL;
}

/* What becomes the names of the inputs has room for all words; the operands are put there. */
static bool arguments_read(cli_request *request, int argc, char **argv) {
    cli_words words = {.operands = request->inputs};
    if (!words_sort(&words, argc, argv))
        return false;
    request->help = words_given(&words, OPTION_HELP);
    request->version = words_given(&words, OPTION_VERSION);
    if (!arguments_verb(request, &words))
        return false;
    if (request->help)
        return true;
    if (request->version)
        return arguments_json(request, &words);
    arguments_switches(request, &words);
    const char *const verb = request->verb->name;
    return arguments_check_options(request->verb, &words) && value_params(verb, &words, &request->params) &&
           value_limits(verb, &words, &request->limits) && value_compression(verb, &words, &request->compression) &&
           value_threads(verb, &words, &request->threads) && value_backup(verb, &words, &request->backup) &&
           value_sparse(verb, &words, &request->sparse) && value_remote(verb, &words, request) &&
           arguments_operands(request, &words) && arguments_check_names(request) && arguments_choose(request, &words) &&
           arguments_check_serving(request) && arguments_check_inspection(request) && arguments_check_form(request) &&
           arguments_json(request, &words);
}

int arguments_parse(cli_request *request, int argc, char **argv) {
    cli_failure ignored; /* a wrong command line is reported on standard error in any case */
    *request = (cli_request){.inputs = calloc((size_t)argc + ROLES_MAX, sizeof *request->inputs)};
    if (request->inputs == NULL) {
        const cli_failure failure = {.error = {.result = RD_E_MEMORY, .offset = RD_UNKNOWN}};
        report_failure(NULL, NULL, &failure);
        return report_status(RD_E_MEMORY);
    }
    if (arguments_ask_for_records(argc, argv))
        (void)records_open(NULL, &ignored);
    const bool right = arguments_read(request, argc, argv);
    (void)records_close(&ignored);
    return right ? STATUS_DONE : STATUS_USAGE;
}

void arguments_release(cli_request *request) {
    free(request->inputs);
}
