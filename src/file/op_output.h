/*
 * The output of what makes a delta from segments of the new file: it gets copies in order, fills the gaps between them
 * with literals of the segment's bytes, and writes both. A literal may continue in the next segment: its bytes so far
 * are kept. Where there are no segments, literals are read from the new file.
 */
#ifndef RD_FILE_OP_OUTPUT_H
#define RD_FILE_OP_OUTPUT_H

#include "engine/op_joiner.h"
#include "engine/scanner.h"
#include "file/dense_writer.h"
#include "file/writer.h"
#include "format/emitter.h"

typedef struct rd__op_output {
    rd__operation *operation;
    bool is_dense; /* the next is used, and not the two after it */
    rd__dense_writer dense;
    rd__writer writer;
    rd__emitter emitter;
    rd__op_joiner joiner;
    /* Literals are read, see rd__op_output_read_literals: */
    const rd_source *new_file; /* NULL: they are in the view */
    uint8_t *ahead;            /* the bytes that were read last, from `ahead_at` on */
    uint64_t ahead_at;
    size_t ahead_size;
    uint64_t literal_until;           /* all bytes before it that are not in ops are literal */
    uint8_t carried[RD__LITERAL_MAX]; /* not zeroed: the end of the segment before, as far as a literal may need it */
} rd__op_output;

/* Starts the delta. rd__op_output_close must follow in any case. Errors: those of rd__writer_open. */
rd_result rd__op_output_open(rd__op_output *output, const rd_sink *sink, rd__operation *operation);

/* Like rd__op_output_open, for a dense delta; see rd__dense_writer_open. */
rd_result rd__op_output_open_dense(rd__op_output *output, const rd_sink *sink, rd__operation *operation,
                                   const rd_source *old_file, const uint8_t *old_digest);

/*
 * Right after _open: the bytes of literals are read from the new file whenever they are needed. Views are not looked
 * at, may be NULL, and segments need not be ended. Errors: RD_E_MEMORY.
 */
rd_result rd__op_output_read_literals(rd__op_output *output, const rd_source *new_file);

/* Adds a copy, which begins in the segment `view`, or ends there. The bytes of the view must stay until _end_segment.
 */
rd_result rd__op_output_copy(rd__op_output *output, const rd__view *view, const rd_op *copy);

/* What lies before `reach` is known: bytes that are in no copy are literal. With `last`, the new file ends there. */
rd_result rd__op_output_reach(rd__op_output *output, const rd__view *view, uint64_t reach, bool last);

/* Ends the segment; unless it is the last one, the next starts at `stop`, which is in the view or where it ends. */
rd_result rd__op_output_end_segment(rd__op_output *output, const rd__view *view, uint64_t stop);

/* Ends the delta, with a trailer unless `digest` is NULL, which knows the basis unless that is NULL. */
rd_result rd__op_output_finish(rd__op_output *output, const uint8_t *digest, const rd__basis_id *basis);

void rd__op_output_close(rd__op_output *output);

#endif
