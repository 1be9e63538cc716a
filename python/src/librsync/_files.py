"""The callers' file objects, and what of them redelta gets to see.

A plain file is one that Python itself made, of a regular file of the system or of memory: redelta knows those, and
uses the descriptor. Any other object is a stranger. It is asked for pieces of a fixed size, as python-librsync did: its
end is an empty read, and before that it may give less than it was asked for, or more.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from redelta import Patcher, Stats
from redelta._files import checked, raw_of, unwrapped, writer_to

PIECE: Final = 65536


class SupportsRead(Protocol):
    """An input."""

    def read(self, size: int, /) -> bytes: ...


class SeekableReader(SupportsRead, Protocol):
    """An input that must have a `seek`. Only that of a patch's basis is called, with a position."""

    @property
    def seek(self) -> Any: ...


class SupportsWrite(Protocol):
    """An output."""

    def write(self, data: bytes, /) -> object: ...


# ---- Plain files ----------------------------------------------------------------------------------------------------


def has_descriptor(file: Any) -> bool:
    """Is this a plain file of the system?"""
    return raw_of(file) is not None and bool(file.seekable())


def is_plain(file: Any) -> bool:
    """Is this a plain file, of the system or in memory, or a temporary file with one inside?"""
    inner = unwrapped(file)
    return type(inner) is io.BytesIO or has_descriptor(inner)


def size_of(file: Any) -> int:
    """The size of a plain file; 0 for a stranger, which is not asked."""
    file = unwrapped(file)
    if type(file) is io.BytesIO:
        return file.getbuffer().nbytes
    return os.fstat(file.fileno()).st_size if has_descriptor(file) else 0


# ---- Inputs ---------------------------------------------------------------------------------------------------------


def piece_of(file: SupportsRead) -> memoryview:
    """What the file gives next; nothing at its end."""
    return memoryview(checked(file.read(PIECE))).cast("B")


class Stranger:
    """An input that is asked for pieces, and never again after its end."""

    def __init__(self, file: SupportsRead) -> None:
        self._file = file
        self._rest = memoryview(b"")
        self._over = False

    def read(self, size: int) -> memoryview:
        """At most `size` bytes."""
        if not self._rest and not self._over:
            self._rest = piece_of(self._file)
            self._over = not self._rest
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


def reader(file: SupportsRead) -> Any:
    """What redelta is to read from, in order."""
    return file if is_plain(file) else Stranger(file)


# ---- Outputs --------------------------------------------------------------------------------------------------------


def spool(max_size: int, expected: int) -> tempfile.SpooledTemporaryFile[bytes]:
    """A new output, which is a file from the start if so many bytes are expected that it would become one."""
    output = tempfile.SpooledTemporaryFile(max_size=max_size, mode="wb+")  # noqa: SIM115
    if expected > max_size > 0:
        output.rollover()
    return output


@contextmanager
def output_or_spool(output: SupportsWrite | None, max_size: int, expected: int) -> Iterator[SupportsWrite]:
    """The output that was given, or a new one, which is closed if anything fails."""
    if output is not None:
        yield output
        return
    made = spool(max_size, expected)
    try:
        yield made
    except BaseException:
        made.close()
        raise


def rewind(file: Any) -> None:
    """Sets an output to its start, unless it does not support seek."""
    seek = getattr(file, "seek", None)
    if not callable(seek):
        return
    try:
        seek(0)
    except io.UnsupportedOperation:
        pass
    except OSError as error:
        if error.errno != errno.ESPIPE:
            raise


# ---- A patch of a stranger's delta ----------------------------------------------------------------------------------


def patch_in_pieces(basis: Any, delta: SupportsRead, output: Any) -> Stats:
    """Patches with a delta that is not read beyond the piece in which it ends: a socket may stay open after it."""
    write = writer_to(output)
    with Patcher(basis, verify=False) as patcher:
        while not patcher.eof:
            if not patcher.needs_input:
                write(patcher.update(b"", PIECE))
            elif piece := piece_of(delta):
                write(patcher.update(piece, PIECE))
            else:
                write(patcher.finish())
        return patcher.stats
