/*
 * Patching a whole file whose delta says what must come out. The new file is made in pieces: the calling thread decodes
 * the delta and puts literals into place, any thread reads what is copied from the basis and hashes the piece, and the
 * calling thread writes it, in order. At the end the digest is compared with the delta's.
 */
#ifndef RD_FILE_VERIFIED_PATCH_H
#define RD_FILE_VERIFIED_PATCH_H

#include "file/operation.h"

/* What a patch reads and writes. */
typedef struct rd__patch_files {
    const rd_source *basis;
    const rd_source *delta;
    const rd_sink *out;
} rd__patch_files;

/*
 * Does the delta seem to have a trailer? One that can only be read in order, as if it is compressed, does, for all one
 * knows. If it is seen, it says what progress counts to. Errors: those of reading.
 */
rd_result rd__patch_has_trailer(const rd_source *delta, rd__job *job, bool *has);

/*
 * Patches and verifies; a delta that has no trailer after all is patched without, unless `always`. *reached as in
 * file/apply_patch.h. Errors: RD_E_MISMATCH, RD_E_UNVERIFIED, and those of any patch.
 */
rd_result rd__patch_verified(const rd__patch_files *files, rd__job *job, unsigned threads, bool always,
                             uint64_t *reached);

#endif
