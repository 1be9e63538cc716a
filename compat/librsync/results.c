/* See results.h. The texts are librsync's, because programs may search for them in the output of others. */
#include "results.h"

rs_result rs__result(rd_result result) {
    switch (result) {
    case RD_OK: return RS_DONE;
    case RD_MORE: return RS_BLOCKED;
    case RD_E_IO:
    case RD_E_EXISTS:
    case RD_E_CANCELLED: return RS_IO_ERROR;
    case RD_E_MEMORY: return RS_MEM_ERROR;
    case RD_E_PARAMETER: return RS_PARAM_ERROR;
    case RD_E_MAGIC: return RS_BAD_MAGIC;
    case RD_E_TRUNCATED: return RS_INPUT_ENDED;
    case RD_E_CORRUPT: return RS_CORRUPT;
    case RD_E_LIMIT: return RS_UNIMPLEMENTED;
    case RD_E_STATE: return RS_INTERNAL_ERROR;
    default: return RS_CORRUPT; /* what librsync does not check */
    }
}

char const *rs_strerror(rs_result r) {
    switch ((int)r) {
    case RS_DONE: return "OK";
    case RS_BLOCKED: return "blocked waiting for input or output buffers";
    case RS_RUNNING: return "still running";
    case RS_IO_ERROR: return "IO error";
    case RS_SYNTAX_ERROR: return "bad command line syntax";
    case RS_MEM_ERROR: return "out of memory";
    case RS_INPUT_ENDED: return "unexpected end of input";
    case RS_BAD_MAGIC: return "bad magic number at start of stream";
    case RS_UNIMPLEMENTED: return "unimplemented case";
    case RS_CORRUPT: return "stream corrupt";
    case RS_INTERNAL_ERROR: return "library internal error";
    default: return "unexplained problem";
    }
}
