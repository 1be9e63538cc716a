"""What the tests of the package share: fakes of files, and the same bytes in every kind of source."""

from __future__ import annotations

import array
import io
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any


class Fake:
    """A reader that has `read` and nothing else, and gives no more than `most` bytes at once."""

    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self.data = data
        self.most = most
        self.at = 0
        self.calls: list[int] = []

    def read(self, size: int) -> Any:
        self.calls.append(size)
        given = self.data[self.at : self.at + min(size, self.most)]
        self.at += len(given)
        return given


class SeekableFake(Fake):
    """A reader with a `seek`, whose result is of no use."""

    def seek(self, position: int) -> None:
        self.at = position


class Sink:
    """A writer that has `write` and nothing else, and takes no more than `most` bytes at once."""

    def __init__(self, most: int | None = None) -> None:
        self.data = b""
        self.most = most

    def write(self, data: bytes) -> int | None:
        taken = data if self.most is None else data[: self.most]
        self.data += taken
        return None if self.most is None else len(taken)


class OddFile(io.FileIO):
    """A file of a class of its own: its `read` counts, not its descriptor."""

    def read(self, size: int | None = -1, /) -> Any:
        return bytes(byte ^ 0xFF for byte in super().read(size) or b"")


def _file(data: bytes, work: Path) -> Path:
    path = work / f"source-{len(os.listdir(work))}"
    path.write_bytes(data)
    return path


def _mapped(data: bytes, work: Path, stack: ExitStack) -> Any:
    if not data:
        return b""
    file = stack.enter_context(_file(data, work).open("rb"))
    return stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _buffered_random(data: bytes, work: Path, stack: ExitStack) -> Any:
    """Its bytes are partly on the disk and partly not yet written."""
    file = stack.enter_context((work / f"random-{len(os.listdir(work))}").open("w+b"))
    file.write(data)
    file.seek(0)
    file.write(data[:100])
    file.seek(0)
    return file


Kind = Callable[[bytes, Path, ExitStack], Any]

SEEKABLE: dict[str, Kind] = {
    "bytes": lambda data, work, stack: data,
    "bytearray": lambda data, work, stack: bytearray(data),
    "memoryview": lambda data, work, stack: memoryview(b"?" + data)[1:],
    "array": lambda data, work, stack: array.array("B", data),
    "mmap": _mapped,
    "str": lambda data, work, stack: str(_file(data, work)),
    "Path": lambda data, work, stack: _file(data, work),
    "BytesIO": lambda data, work, stack: io.BytesIO(data),
    "BufferedReader": lambda data, work, stack: stack.enter_context(_file(data, work).open("rb")),
    "FileIO": lambda data, work, stack: stack.enter_context(_file(data, work).open("rb", buffering=0)),
    "BufferedRandom": _buffered_random,
    "seekable fake": lambda data, work, stack: SeekableFake(data),
    "seekable fake of short reads": lambda data, work, stack: SeekableFake(data, most=997),
}


def _pipe(data: bytes, stack: ExitStack, buffering: int) -> Any:
    """The end to read from of a pipe with the bytes in it, which must fit."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return stack.enter_context(os.fdopen(reading, "rb", buffering))


SOURCES: dict[str, Kind] = {
    **SEEKABLE,
    "fake": lambda data, work, stack: Fake(data),
    "fake of short reads": lambda data, work, stack: Fake(data, most=997),
    "pipe": lambda data, work, stack: _pipe(data, stack, 0),
    "buffered pipe": lambda data, work, stack: _pipe(data, stack, -1),
    "file of a class of its own": lambda data, work, stack: stack.enter_context(
        OddFile(_file(bytes(byte ^ 0xFF for byte in data), work))
    ),
}


@contextmanager
def opened(kind: Kind, data: bytes, work: Path) -> Iterator[Any]:
    """The bytes as a source of this kind."""
    with ExitStack() as stack:
        yield kind(data, work, stack)
