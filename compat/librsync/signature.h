/*
 * The signature that programs hold: redelta's, once it is loaded. It exists from the start of loading, so that a
 * program can free it whatever becomes of the job, and its holders are counted, so that the program can free it while
 * jobs still use it.
 */
#ifndef RS_SIGNATURE_H
#define RS_SIGNATURE_H

#include "librsync.h"
#include "redelta.h"

#include <stdatomic.h>

struct rs_signature {
    rd_signature *loaded; /* NULL until then */
    atomic_uint holders;  /* the program and the jobs */
    /* Sums over the deltas against it, for rs_signature_log_stats. */
    atomic_ullong searches;
    atomic_ullong matches;
    atomic_ullong false_matches;
};

/* A signature not loaded yet, or NULL if there is no memory. */
rs_signature_t *rs__signature_new(void);
/* Adds a holder; rs_free_sumset removes one. NULL is allowed. */
rs_signature_t *rs__signature_hold(rs_signature_t *sig);
/* Adds the statistics of a delta against it. */
void rs__signature_count(rs_signature_t *sig, const rd_stats *delta);

#endif
