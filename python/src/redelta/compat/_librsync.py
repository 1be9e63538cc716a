"""The extension module that rdiff-backup and duplicity carry with them, each as its own `_librsync`.

Makers turn one stream of bytes into another in cycles: `cycle(data)` gives `(done, consumed, out)`. What was not
consumed is passed again, followed by more; an empty input ends it. The cycles end when `done` is 1.
Signatures are MD4 with 8 bytes a block and deltas have no trailer, as these programs have always written them.

A program gets this module in place of its own where it is put under that one's name:

    import sys
    import redelta.compat._librsync
    sys.modules["duplicity._librsync"] = redelta.compat._librsync

It is a little wider than theirs: any bytes-like object is taken, errors can be pickled and say more, and a block length
that cannot be is an error, not the end of the process.
"""

from __future__ import annotations

import operator
import os
from typing import TYPE_CHECKING, Final, Protocol, SupportsIndex

from redelta import RedeltaError, Signature, _core, _params
from redelta.compat import results

if TYPE_CHECKING:
    from typing_extensions import Buffer

RS_DEFAULT_BLOCK_LEN: Final = 2048
RS_JOB_BLOCKSIZE: Final = 65536
RSM_JOB_BLOCKSIZE: Final = RS_JOB_BLOCKSIZE

_HASH: Final = "rollsum-md4"
_STRONG_LEN: Final = 8


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


class librsyncError(Exception):
    """What these programs look for when something is wrong with their data."""


def _error(result: int, doing: str, reason: object = None) -> librsyncError:
    said = f"librsync error {result} while in {doing}"
    return librsyncError(said if reason is None else f"{said}: {reason}")


def _error_of(cause: RedeltaError | OSError | MemoryError, doing: str) -> librsyncError:
    return _error(results.result_of(cause), doing, cause)


class _Maker:
    """A stream of the library, cycle by cycle."""

    def __init__(self, stream: _core.Stream, doing: str) -> None:
        self._stream = stream
        self._doing = doing
        self._done = False
        self._failure: librsyncError | None = None

    def cycle(self, data: Buffer, /) -> tuple[int, int, bytes]:
        """Takes what it can of `data`, gives at most RS_JOB_BLOCKSIZE bytes, and fails again alike once it failed."""
        size = memoryview(data).nbytes
        if self._failure is not None:
            raise self._failure
        if self._done:
            return self._after_the_end(size)
        try:
            out, consumed, self._done = self._stream.step(data, last=size == 0, most=RS_JOB_BLOCKSIZE)
        except (RedeltaError, OSError, MemoryError) as cause:
            self._failure = _error_of(cause, self._doing)
            raise self._failure from cause
        return int(self._done), consumed, out

    def _after_the_end(self, size: int) -> tuple[int, int, bytes]:
        if size:
            raise _error(results.RS_INTERNAL_ERROR, self._doing, "there is input after the end")
        return 1, 0, b""


class _Basis:
    """A file by its descriptor, read by offset: nobody else's position moves, and its owner may close it."""

    _fd = -1

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)

    def __call__(self, offset: int, size: int) -> bytes:
        return os.pread(self._fd, size, offset)

    def __del__(self) -> None:
        if self._fd != -1:
            os.close(self._fd)


def new_sigmaker(block_len: SupportsIndex, /) -> _Maker:
    """Takes a file and gives its signature. A block length of 0 is RS_DEFAULT_BLOCK_LEN."""
    doing = "signature cycle"
    length = operator.index(block_len) or RS_DEFAULT_BLOCK_LEN
    try:
        params = _params.signature_params(length, _STRONG_LEN, _HASH)
        return _Maker(_core.signature_stream(**params, compression=0), doing)
    except RedeltaError as cause:
        raise _error_of(cause, doing) from cause


def new_deltamaker(signature: Buffer, /) -> _Maker:
    """Takes the new file and gives the delta from the basis of `signature`, which is that file's bytes."""
    try:
        loaded = Signature.load(memoryview(signature))
    except (RedeltaError, MemoryError) as cause:
        raise _error_of(cause, "delta rs_signature_t builder") from cause
    stream = _core.delta_stream(loaded._table, verify=_core.VERIFY_NEVER, compression=0)
    return _Maker(stream, "delta cycle")


def new_patchmaker(basis: _HasFileno | int, /) -> _Maker:
    """Takes a delta and gives the new file. `basis` is a file of the system, or its descriptor."""
    try:
        fd = basis if isinstance(basis, int) else basis.fileno()
        reader = _Basis(fd)
    except (AttributeError, ValueError, OSError) as cause:
        raise TypeError("Need true file object") from cause
    return _Maker(_core.patch_stream(reader, output_max=0, verify=_core.VERIFY_NEVER), "patch cycle")
