/*
 * words.c: sorting the command line by getopt, which gets its lists from the table of options. It is asked to hand out
 * operands in order (the "-" that opens the list of letters), because its other way, sorting argv, gives in to
 * POSIXLY_CORRECT.
 */
#include "cli/arguments/words.h"

#include <getopt.h>
#include <string.h>

#include "cli/arguments/options.h"
#include "cli/base/utf8.h"
#include "cli/report/report.h"
#include "cli/verbs/verbs.h"

/* What getopt answers for an operand, and for a long option: this and its number. */
enum { OPERAND = 1, LONG_OPTION = 256 };

/* getopt's form of the table. */
typedef struct words_lists {
    char letters[3 + 3 * OPTIONS]; /* "-:", then each letter with up to two colons */
    struct option names[OPTIONS + 1];
} words_lists;

static const int words_argument_kinds[] = {
    [VALUE_NONE] = no_argument,
    [VALUE_NEEDED] = required_argument,
    [VALUE_OPTIONAL] = optional_argument,
};

static words_lists words_make_lists(void) {
    words_lists made = {.letters = "-:"};
    char *letter = made.letters + 2;
    for (cli_option o = 0; o < OPTIONS; o++) {
        const cli_option_info *info = &options[o];
        made.names[o] = (struct option){info->name, words_argument_kinds[info->value], NULL, LONG_OPTION + (int)o};
        if (info->letter == 0)
            continue;
        *letter++ = info->letter;
        for (int colons = (int)info->value; colons > 0; colons--)
            *letter++ = ':';
    }
    return made;
}

static cli_option words_option(int answer) {
    return answer >= LONG_OPTION ? (cli_option)(answer - LONG_OPTION) : option_of_letter(answer);
}

static void words_take_operand(cli_words *words, const char *word) {
    if (words->verb == NULL)
        words->verb = word;
    else
        words->operands[words->operand_count++] = word;
}

/* ---- What is wrong ---------------------------------------------------------------------------------------------- */

static const char *words_name_of(const cli_verb *verb) {
    return verb != NULL ? verb->name : NULL;
}

static void words_report_unknown(const cli_verb *verb, const char *word, const char *name) {
    const char *meant = option_nearest(verb, name);
    if (meant == NULL)
        report_usage(words_name_of(verb), "unknown option '%.*s'", report_width(word), word);
    else
        report_usage(words_name_of(verb), "unknown option '%.*s' (did you mean --%s?)", report_width(word), word,
                     meant);
}

/* `word` is "--name" or "--name=value". */
static void words_report_name(const cli_verb *verb, const char *word) {
    char name[REPORT_WORD_MAX + 1] = {0};
    const size_t length = strcspn(word + 2, "=");
    (void)strncpy(name, word + 2, length < REPORT_WORD_MAX ? length : REPORT_WORD_MAX);
    if (option_count(name, length) > 1)
        report_usage(words_name_of(verb), "option '--%s' is ambiguous", name);
    else
        words_report_unknown(verb, word, name);
}

/* The letter may stand among others, or be the first of a name that has one dash too few. */
static void words_report_letter(const cli_verb *verb, const char *word, int letter) {
    const char *const at = strchr(word, letter);
    const int length = utf8_length(at) > 0 ? (int)utf8_length(at) : 1;
    if (option_nearest(verb, word + 1) != NULL)
        words_report_unknown(verb, word, word + 1);
    else
        report_usage(words_name_of(verb), "unknown option '-%.*s'", length, at);
}

/* getopt answered ':' or '?' at `word`, and `bad` is what it made of it: 0 for an unknown long option. */
static void words_report_option(const cli_words *words, int answer, const char *word, int bad) {
    const cli_verb *const verb = words->verb != NULL ? words_verb(words->verb) : NULL;
    if (answer == ':')
        report_usage(words_name_of(verb), "option '--%s' needs a value", options[words_option(bad)].name);
    else if (bad == 0)
        words_report_name(verb, word);
    else if (bad >= LONG_OPTION)
        report_usage(words_name_of(verb), "option '--%s' takes no value", options[words_option(bad)].name);
    else
        words_report_letter(verb, word, bad);
}

/*
 * Whether a word is a long option with one dash too few. As letters it would mean something else: "-force" that the
 * output is "rce".
 */
static bool words_lacks_dash(const char *word) {
    bool found = false;
    for (cli_option o = 0; o < OPTIONS && word[0] == '-'; o++)
        found = found || strcmp(word + 1, options[o].name) == 0;
    return found;
}

/* ---- Sorting ---------------------------------------------------------------------------------------------------- */

bool words_sort(cli_words *words, int argc, char **argv) {
    const words_lists known = words_make_lists();
    cli_option previous = OPTIONS; /* an option without a value, if the word before is one */
    opterr = 0;
    for (int turn = 1;; turn++) {
        const int at = optind;
        const int answer = getopt_long(argc, argv, known.letters, known.names, NULL);
        if (answer == -1)
            break;
        if (answer != OPERAND && words_lacks_dash(argv[at])) {
            words_report_unknown(words->verb != NULL ? words_verb(words->verb) : NULL, argv[at], argv[at] + 1);
            return false;
        }
        if (answer == ':' || answer == '?') {
            words_report_option(words, answer, argv[at], optopt);
            return false;
        }
        if (answer == OPERAND) {
            if (previous == OPTION_COMPRESS)
                words->after_compress = optarg;
            previous = OPTIONS;
            words_take_operand(words, optarg);
        } else {
            previous = optarg == NULL ? words_option(answer) : OPTIONS;
            words->options[words_option(answer)] = (cli_given){turn, optarg};
        }
    }
    for (int i = optind; i < argc; i++)
        words_take_operand(words, argv[i]);
    return true;
}

const char *words_value(const cli_words *words, cli_option option) {
    return words->options[option].value;
}

bool words_given(const cli_words *words, cli_option option) {
    return words->options[option].turn != 0;
}

const cli_verb *words_verb(const char *word) {
    for (int v = 0; v < VERBS; v++)
        if (word[0] != '\0' && strncmp(word, verbs[v]->name, strlen(word)) == 0)
            return verbs[v];
    return NULL;
}

cli_option words_later(const cli_words *words, cli_option one, cli_option other) {
    const int first = words->options[one].turn;
    const int second = words->options[other].turn;
    if (first == 0 && second == 0)
        return OPTIONS;
    return first > second ? one : other;
}
