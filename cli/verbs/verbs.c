/*
 * verbs.c: see verbs.h. Where two verbs begin with the same letters, these mean the first.
 */
#include "cli/verbs/verbs.h"

const cli_verb *const verbs[VERBS] = {
    &verb_signature, &verb_delta,  &verb_patch,   &verb_sync,     &verb_diff,   &verb_merge,
    &verb_reverse,   &verb_verify, &verb_inspect, &verb_estimate, &verb_expand, &verb_serve,
};
