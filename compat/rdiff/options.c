/*
 * options.c: the command line of rdiff, as librsync's rdiff reads it with libpopt.
 *
 * getopt_long accepts another language: it takes abbreviated long options, and reads "-b=512" as the value "=512". So
 * the words are parsed here, one after another, because the first that is wrong or asks for a text decides. An option's
 * value is the rest of its word, after "=" if there is one, else the next word, whatever that looks like.
 */
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "text.h"

typedef enum value_kind { VALUE_NONE, VALUE_TEXT, VALUE_NUMBER, VALUE_LEVEL } value_kind;

typedef struct option_info {
    const char *name; /* NULL: a letter only */
    value_kind kind;  /* a level is an optional number, which is never the next word */
    char letter;      /* which also identifies the option */
} option_info;

static const option_info known_options[] = {
    {"verbose", VALUE_NONE, 'v'},       {"version", VALUE_NONE, 'V'},
    {"help", VALUE_NONE, 'h'},          {NULL, VALUE_NONE, '?'},
    {"statistics", VALUE_NONE, 's'},    {"stats", VALUE_NONE, 's'},
    {"force", VALUE_NONE, 'f'},         {"hash", VALUE_TEXT, 'H'},
    {"rollsum", VALUE_TEXT, 'R'},       {"block-size", VALUE_NUMBER, 'b'},
    {"sum-size", VALUE_NUMBER, 'S'},    {"input-size", VALUE_NUMBER, 'I'},
    {"output-size", VALUE_NUMBER, 'O'}, {"gzip", VALUE_LEVEL, 'z'},
    {"bzip2", VALUE_LEVEL, 'i'},
};

/* The state of parsing. */
typedef struct options_parser {
    rdiff_options *options;
    char **argv;
    int argc;
    int next;        /* word to be read */
    int found;       /* operands so far, the verb too, in argv[1 .. found] */
    bool only_files; /* after "--" */
    int status;      /* why it stopped */
} options_parser;

const char *verb_name(rdiff_verb verb) {
    static const char *const names[] = {
        [VERB_SIGNATURE] = "signature",
        [VERB_DELTA] = "delta",
        [VERB_PATCH] = "patch",
    };
    return names[verb];
}

const char *options_file(const rdiff_options *options, int index) {
    if (index >= options->operand_count || strcmp(options->operands[index], "-") == 0)
        return NULL;
    return options->operands[index];
}

static bool options_stop(options_parser *p, int status) {
    p->status = status;
    return false;
}

/* ---- What an option does ---------------------------------------------------------------------------------------- */

/* A number as in C: decimal, or with the prefix 0x or 0. An empty text is 0. `blamed` is what a message quotes. */
static bool options_read_number(options_parser *p, const char *text, const char *blamed, int *number) {
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 0);
    if (*end != '\0')
        return options_stop(p, report_usage("invalid numeric value: ", blamed, ""));
    if (errno == ERANGE || value < INT_MIN || value > INT_MAX)
        return options_stop(p, report_usage("number too large or too small: ", blamed, ""));
    *number = (int)value;
    return true;
}

static bool options_act(options_parser *p, char letter) {
    switch (letter) {
    case 'f': p->options->force = true; return true;
    case 's': p->options->statistics = true; return true;
    case 'v': report_line("rdiff: Library does not support trace."); return true;
    case 'V': return options_stop(p, text_print(text_version()));
    default: return options_stop(p, text_print(text_help()));
    }
}

static bool options_take_number(options_parser *p, char letter, const char *value, const char *blamed) {
    int unused;
    switch (letter) {
    case 'b': return options_read_number(p, value, blamed, &p->options->block_size);
    case 'S': return options_read_number(p, value, blamed, &p->options->sum_size);
    case 'I': return options_read_number(p, value, blamed, &p->options->input_size);
    case 'O': return options_read_number(p, value, blamed, &p->options->output_size);
    default: /* compression of deltas, which no librsync has */
        if (value != NULL && !options_read_number(p, value, blamed, &unused))
            return false;
        return options_stop(p, report_unimplemented("compression"));
    }
}

/* `value` is the option's value in its own word, or NULL. */
static bool options_take_option(options_parser *p, const option_info *option, const char *word, const char *value) {
    const char *blamed = word;
    if (option->kind == VALUE_NONE)
        return value == NULL ? options_act(p, option->letter)
                             : options_stop(p, report_usage("option does not take an argument: ", word, ""));
    if (value == NULL && option->kind != VALUE_LEVEL) {
        if (p->next == p->argc)
            return options_stop(p, report_usage("missing argument: ", word, ""));
        value = p->argv[p->next++];
        blamed = value;
    }
    if (option->kind != VALUE_TEXT)
        return options_take_number(p, option->letter, value, blamed);
    *(option->letter == 'H' ? &p->options->hash : &p->options->rollsum) = value;
    return true;
}

/* ---- Words ------------------------------------------------------------------------------------------------------ */

/* The option with this letter, or, if `name` is not NULL, with this name. */
static const option_info *options_find_option(char letter, const char *name, size_t length) {
    for (size_t i = 0; i < sizeof known_options / sizeof known_options[0]; i++) {
        const option_info *option = &known_options[i];
        if (name == NULL
                ? option->letter == letter
                : option->name != NULL && strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static bool options_take_long(options_parser *p, const char *word) {
    const char *const name = word + 2;
    const size_t length = strcspn(name, "=");
    const option_info *option = options_find_option('\0', name, length);
    if (option == NULL)
        return options_stop(p, report_usage("unknown option: ", word, ""));
    return options_take_option(p, option, word, name[length] == '=' ? name + length + 1 : NULL);
}

/* Letters after one "-": the first that takes a value has the rest as its value. */
static bool options_take_letters(options_parser *p, const char *word) {
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const option_info *option = options_find_option(*letter, NULL, 0);
        if (option == NULL)
            return options_stop(p, report_usage("unknown option: ", word, ""));
        const char *rest = letter[1] == '=' ? letter + 2 : letter[1] != '\0' ? letter + 1 : NULL;
        if (option->kind != VALUE_NONE || letter[1] == '=')
            return options_take_option(p, option, word, rest);
        if (!options_act(p, *letter))
            return false;
    }
    return true;
}

static bool options_take_word(options_parser *p, char *word) {
    if (p->only_files || word[0] != '-' || word[1] == '\0') {
        p->argv[++p->found] = word;
        return true;
    }
    if (strcmp(word, "--") == 0) {
        p->only_files = true;
        return true;
    }
    return word[1] == '-' ? options_take_long(p, word) : options_take_letters(p, word);
}

/* Any prefix of a verb is accepted, even an empty one. */
static bool options_find_verb(options_parser *p) {
    const char *word = p->found > 0 ? p->argv[1] : NULL;
    for (rdiff_verb verb = VERB_SIGNATURE; word != NULL && verb < VERB_COUNT; verb++) {
        if (strncmp(word, verb_name(verb), strlen(word)) == 0) {
            p->options->verb = verb;
            return true;
        }
    }
    return options_stop(p, report_usage("You must specify an action: `signature', `delta', or `patch'.", "", ""));
}

bool options_parse(rdiff_options *options, int argc, char **argv, int *status) {
    options_parser p = {.options = options, .argv = argv, .argc = argc, .next = 1};
    *options = (rdiff_options){0};
    bool good = true;
    while (good && p.next < argc)
        good = options_take_word(&p, argv[p.next++]);
    good = good && options_find_verb(&p);
    options->operands = argv + 2;
    options->operand_count = p.found - 1;
    *status = p.status;
    return good;
}
