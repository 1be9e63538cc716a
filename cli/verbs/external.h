/*
 * external.h: verbs that are programs of their own. `redelta VERB` runs `redelta-VERB` where that is installed, with
 * the words that follow, as git does. Those of the Python package are known by name, so that somebody who lacks it is
 * told.
 *
 * A built-in verb, also a shortened one, is never such a program; and none is run from the current directory, whatever
 * PATH says, because a directory of downloads or a checkout may belong to anybody.
 */
#ifndef REDELTA_CLI_EXTERNAL_H
#define REDELTA_CLI_EXTERNAL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_external {
    const char *name;
    const char *to_install; /* it, and what it needs */
} cli_external;

enum { EXTERNALS = 3, EXTERNAL_PATH_MAX = 4096 };

extern const cli_external externals[EXTERNALS];

/* The known verb of that name, or NULL. */
const cli_external *external_known(const char *word);

/* Whether a word can be the name of such a verb: a letter, then letters, digits and hyphens. */
bool external_is_name(const char *word);

/*
 * Looks for the program of a verb: beside this one, then in the directories of PATH. Writes its name into
 * path[0 .. EXTERNAL_PATH_MAX). False: there is none.
 */
bool external_find(const char *word, char *path);

/*
 * Runs a program in place of this one, with `words` up to a NULL, of which the first is the program. Returns its exit
 * status, if the system cannot replace a process; -1, with errno, if it could not be started.
 */
int external_run(const char *path, char **words);

#endif
