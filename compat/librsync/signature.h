/*
 * The signature that programs hold: redelta's, once it is loaded. It exists from the begin of loading, so that a
 * program can free it whatever becomes of the job, and it is counted, so that the program can free it while jobs still
 * use it.
 */
#ifndef RS_SIGNATURE_H
#define RS_SIGNATURE_H

#include "librsync.h"
#include "redelta.h"

#include <stdatomic.h>

struct rs_signature {
    rd_signature *loaded; /* NULL until then */
    atomic_uint holders;  /* the program and the jobs */
    /* What the deltas against it did, for rs_signature_log_stats. */
    atomic_ullong searches;
    atomic_ullong matches;
    atomic_ullong false_matches;
};

/* A signature not loaded yet, or NULL without memory. */
rs_signature_t *rs__signature_new(void);
/* One holder more; rs_free_sumset makes it one less. NULL is allowed. */
rs_signature_t *rs__signature_hold(rs_signature_t *sig);
/* Counts what a delta against it did. */
void rs__signature_count(rs_signature_t *sig, const rd_stats *delta);

#endif
