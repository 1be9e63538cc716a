/*
 * What the scripts of odd calls share. Each group runs its scripts through odd_compare.
 */
#ifndef RD_TESTS_ODD_CALLS_H
#define RD_TESTS_ODD_CALLS_H

#include "guard.h"

enum { ODD_BLOCK_LEN = 40, ODD_MEMORY = 1 << 29 };

/* A small pair of files, with the signature and the delta that stock makes of it. */
typedef struct odd_setting {
    rd_memory old;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
} odd_setting;

odd_setting odd_setting_new(void);
void odd_setting_free(odd_setting *s);
rs_signature_t *odd_loaded(const library *lib, const odd_setting *s);

/* Runs the script for both libraries. */
void odd_compare(const char *name, guarded_fn *run, void *context);
/* Both end the process with this status before they write anything. */
void odd_compare_exit(const char *name, guarded_fn *run, void *context, int status);
/* Runs it for ours alone, which must give this transcript, or any if it is NULL: stock dies, hangs or fails here. */
void odd_expect(const char *name, guarded_fn *run, void *context, const char *expected);

/* One rs_job_iter: "[bytes in, e for eof > room] result". */
rs_result odd_step(const library *lib, rs_job_t *job, rs_buffers_t *buffers, transcript *t);

void odd_parameters(void); /* odd_parameters.c: of signatures */
void odd_signatures(void); /* odd_signatures.c: half loaded, not indexed, freed early */
void odd_drives(void);     /* odd_callbacks.c: of rs_job_drive */
void odd_patches(void);    /* odd_callbacks.c: copy callbacks */
void odd_files(void);      /* odd_files.c: FILEs that cannot be read or written */

#endif
