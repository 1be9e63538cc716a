/* What making a part of a delta and joining parts have in common: by what they tell that files are the same. */
#ifndef RD_FILE_DELTA_PART_H
#define RD_FILE_DELTA_PART_H

#include "engine/signature.h"
#include "format/delta_part.h"
#include "io/watch.h"

void rd__signature_identify(const rd_signature *signature, rd__signature_id *id);

/* The state that the new file had when it was begun to be watched. False: it shows none, or is only a range of a file.
 */
bool rd__part_state_of(const rd_source *new_file, const rd__watch *watch, rd__part_state *state);

#endif
