"""A range of a file as a source."""

from __future__ import annotations

import io
import operator
import os
from dataclasses import dataclass

from redelta._errors import ParameterError

OFFSET_MAX = (1 << 63) - 1


def place(name: str, value: int) -> int:
    """An offset in a file."""
    offset = operator.index(value)
    if not 0 <= offset <= OFFSET_MAX:
        raise ParameterError(f"{name} must be from 0 to {OFFSET_MAX}, not {offset}")
    return offset


@dataclass(frozen=True, slots=True)
class FileRange:
    """The bytes of the file `path` from byte `start` up to byte `stop`, without that; None: up to its end. It is a
    source and a basis, as the path of a file with just these bytes would be, and can be pickled. If the file ends
    before, so does the range. A pipe has no ranges.

    Raises ParameterError if `stop` is less than `start`, or either is no offset.

    >>> import pathlib, redelta, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "file")
    ...     _ = file.write_bytes(b"0123456789")
    ...     redelta.digest(redelta.FileRange(file, 2, 5)) == redelta.digest(b"234")
    True
    """

    path: str | os.PathLike[str]
    start: int
    stop: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(f"a path is needed, not {type(self.path).__name__}")
        start = place("start", self.start)
        stop = None if self.stop is None else place("stop", self.stop)
        if stop is not None and stop < start:
            raise ParameterError(f"stop must not be less than start, which is {start}, and is {stop}")

    @property
    def length(self) -> int | None:
        """The number of its bytes, if the file does not end before; None: up to the end."""
        return None if self.stop is None else self.stop - self.start


def ranged(file: io.FileIO, range: FileRange) -> tuple[io.FileIO, int] | tuple[io.FileIO, int, int]:
    """The range of an open file, as the extension takes it."""
    return (file, range.start) if range.length is None else (file, range.start, range.length)


class RangeReader:
    """A range that is read in order."""

    def __init__(self, range: FileRange) -> None:
        self.file = open(range.path, "rb", buffering=0)  # noqa: SIM115
        self.native = ranged(self.file, range)
        self._left = range.length
        try:
            self.file.seek(range.start)
        except BaseException:
            self.file.close()
            raise

    def read(self, size: int) -> bytes:
        data = self.file.read(size if self._left is None else min(size, self._left)) or b""
        if self._left is not None:
            self._left -= len(data)
        return data

    def close(self) -> None:
        self.file.close()
