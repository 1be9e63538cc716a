/* See delta_end.h. */
#include "file/delta_end.h"

#include "base/result.h"

rd_result rd__read_delta_end(rd__feed *feed, rd_in *in, uint8_t *chunk, size_t capacity, rd__trailer_reader *reader) {
    rd_error *const error = &feed->job->error;
    for (;;) {
        size_t used = 0;
        rd_result result = rd__trailer_take(reader, chunk + in->pos, in->size - in->pos, &used, error);
        if (result != RD_OK && result != RD_MORE)
            return result;
        in->pos += used;
        if (in->pos < in->size)
            return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, reader->origin + reader->taken,
                            "the delta goes on behind its trailer");
        if (feed->ended)
            return rd__trailer_finish(reader, error);
        in->pos = 0;
        result = rd__feed_read(feed, chunk, capacity, &in->size);
        if (result != RD_OK)
            return result;
    }
}
