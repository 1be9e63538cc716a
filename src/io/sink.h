/* Writing to a sink, whatever it is made of. The constructors are in redelta.h. */
#ifndef RD_IO_SINK_H
#define RD_IO_SINK_H

#include "base/operation.h"

/* Writes all of the bytes, within the operation's limit. On failure operation->error names the output. */
rd_result rd__sink_write(const rd_sink *sink, rd__operation *operation, const void *data, size_t size);

#endif
