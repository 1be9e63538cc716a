"""librsync's results: their numbers, their words, and which of them an error of redelta is."""

from __future__ import annotations

from typing import Final

from redelta import RedeltaError, _core

RS_DONE: Final = 0
RS_BLOCKED: Final = 1
RS_RUNNING: Final = 2
RS_IO_ERROR: Final = 100
RS_SYNTAX_ERROR: Final = 101
RS_MEM_ERROR: Final = 102
RS_INPUT_ENDED: Final = 103
RS_BAD_MAGIC: Final = 104
RS_UNIMPLEMENTED: Final = 105
RS_CORRUPT: Final = 106
RS_INTERNAL_ERROR: Final = 107
RS_PARAM_ERROR: Final = 108

_MESSAGES: Final = {
    RS_DONE: "OK",
    RS_BLOCKED: "blocked waiting for input or output buffers",
    RS_RUNNING: "still running",
    RS_IO_ERROR: "IO error",
    RS_SYNTAX_ERROR: "bad command line syntax",
    RS_MEM_ERROR: "out of memory",
    RS_INPUT_ENDED: "unexpected end of input",
    RS_BAD_MAGIC: "bad magic number at start of stream",
    RS_UNIMPLEMENTED: "unimplemented case",
    RS_CORRUPT: "stream corrupt",
    RS_INTERNAL_ERROR: "library internal error",
}

# What is missing here is something that librsync does not look for.
_RESULTS: Final = {
    _core.E_PARAMETER: RS_PARAM_ERROR,
    _core.E_MAGIC: RS_BAD_MAGIC,
    _core.E_TRUNCATED: RS_INPUT_ENDED,
    _core.E_LIMIT: RS_UNIMPLEMENTED,
    _core.E_STATE: RS_INTERNAL_ERROR,
}


def message(result: int) -> str:
    """librsync's words for one of its results, or for a number that is none."""
    return _MESSAGES.get(result, "unexplained problem")


def result_of(error: RedeltaError | OSError | MemoryError) -> int:
    """The result that librsync gives where redelta raises `error`."""
    if isinstance(error, RedeltaError):
        return _RESULTS.get(error.code, RS_CORRUPT)
    return RS_IO_ERROR if isinstance(error, OSError) else RS_MEM_ERROR
