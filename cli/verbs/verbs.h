/*
 * verbs.h: the verbs there are. A new verb is a file of its own and a row in verbs.c.
 */
#ifndef REDELTA_CLI_VERBS_H
#define REDELTA_CLI_VERBS_H

#include "cli/verbs/verb.h"

enum { VERBS = 12 };

/* In the order in which a user meets them. */
extern const cli_verb *const verbs[VERBS];

extern const cli_verb verb_signature;
extern const cli_verb verb_delta;
extern const cli_verb verb_patch;
extern const cli_verb verb_sync;
extern const cli_verb verb_diff;
extern const cli_verb verb_merge;
extern const cli_verb verb_reverse;
extern const cli_verb verb_verify;
extern const cli_verb verb_inspect;
extern const cli_verb verb_estimate;
extern const cli_verb verb_expand;
extern const cli_verb verb_serve;

/* The two ways of verb_sync. */
extern const cli_verb verb_sync_local;
extern const cli_verb verb_sync_remote;

#endif
