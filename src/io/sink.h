/* Writing to a sink, whatever it is made of. The constructors are in redelta.h. */
#ifndef RD_IO_SINK_H
#define RD_IO_SINK_H

#include "base/operation.h"

/* Writes all of the bytes, within the operation's limit. On failure operation->error names the output. */
rd_result rd__sink_write(const rd_sink *sink, rd__operation *operation, const void *data, size_t size);

/* Bytes that lie together. */
typedef struct rd__piece {
    const uint8_t *data;
    size_t size;
} rd__piece;

enum { RD__PIECES_MAX = 64 };

/* Like rd__sink_write for each of at most RD__PIECES_MAX, but a file gets them by one call of the system. */
rd_result rd__sink_write_pieces(const rd_sink *sink, rd__operation *operation, const rd__piece *pieces, size_t count);

/*
 * Fails with RD_E_PARAMETER if the sink writes to the very file or block device that the source reads, by whatever
 * name: what is still to be read would be overwritten.
 */
rd_result rd__sink_check_apart(const rd_sink *sink, const rd_source *source, rd_role role, rd_error *error);

/* What is known of a sink. It is noted in `reserved`, which every constructor sets to NULL. */
enum {
    RD__SINK_REPLACES_SPARSE =
        1,               /* it writes a file that will replace one with holes: its zeros may become holes, too */
    RD__SINK_UNSEEN = 2, /* it writes a file that nobody sees before it is whole: room can be reserved for it */
    RD__SINK_NOTES_END = 4
};
extern const char rd__sink_notes[RD__SINK_NOTES_END];

static inline bool rd__sink_has_note(const rd_sink *sink, unsigned note) {
    const char *const noted = sink->reserved[0];
    return noted && ((size_t)(noted - rd__sink_notes) & note) != 0;
}

static inline void rd__sink_note(rd_sink *sink, unsigned note) {
    const char *const noted = sink->reserved[0];
    const size_t notes = noted ? (size_t)(noted - rd__sink_notes) : 0;
    sink->reserved[0] = (void *)&rd__sink_notes[notes | note];
}

/* Whether what is written lands at the end of the file, wherever it is to be written. */
bool rd__sink_appends(int fd);

/*
 * Before the operation writes its first byte: there will be `size`, none in holes. Reserves room for them if that costs
 * nothing here. Errors: RD_E_IO if there is no room; whatever else is in the way is ignored.
 */
rd_result rd__sink_reserve(const rd_sink *sink, rd__operation *operation, uint64_t size);

/* After the last byte: gives back what was reserved beyond the end of the file. */
void rd__sink_release(const rd_sink *sink);

#endif
