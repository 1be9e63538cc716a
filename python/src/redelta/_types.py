"""What the functions of this package take: names for type checkers, and for readers."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypedDict, TypeVar

from redelta._range import FileRange

if TYPE_CHECKING:
    from typing_extensions import Buffer as Buffer
else:
    Buffer = bytes | bytearray | memoryview

T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class SupportsRead(Protocol[T_co]):
    """An object with a `read` that returns up to so many bytes, and none only at the end."""

    def read(self, length: int, /) -> T_co: ...


class SupportsReadAndSeek(SupportsRead[T_co], Protocol[T_co]):
    """A reader that can also be set to a position, counted from the start of the file."""

    def seek(self, position: int, /) -> object: ...


class SupportsWrite(Protocol[T_contra]):
    """An object with a `write` that takes bytes. If it returns that it took fewer, it is given the rest as a
    memoryview."""

    def write(self, data: T_contra, /) -> object: ...


Path: TypeAlias = str | os.PathLike[str]

Source: TypeAlias = Buffer | Path | FileRange | SupportsRead[bytes]
"""Where bytes come from. A `str` is a path; a reader is read from its position to its end."""

Basis: TypeAlias = Buffer | Path | FileRange | SupportsReadAndSeek[bytes]
"""A source that a patch copies from, at any offset from the start of the file."""

Destination: TypeAlias = Path | SupportsWrite[bytes]
"""Where bytes go. The file of a path is replaced as a whole or not at all; a writer is written to at its position."""

Hash: TypeAlias = Literal["rk-blake2", "rk-md4", "rollsum-blake2", "rollsum-md4", "rabinkarp-blake2", "rabinkarp-md4"]
"""The sums of a signature: the weak (rolling) one, and the strong one. "rk" is short for "rabinkarp"; both are taken,
and the short form is shown."""

StrongLength: TypeAlias = int | Literal["least"] | None
"""Of the strong sum, in bytes. None: all of it; "least": enough to protect against chance, for the size of the
basis."""

PatchVerify: TypeAlias = Literal["auto"] | bool
"""Whether to verify. "auto": if the delta has a digest; True: always, a delta without one is an error; False: never."""

Sparse: TypeAlias = Literal["auto", "always", "never"]
"""Which zeros of a new file become holes. "auto": all, in whole blocks, if the basis has holes, or the file that is
replaced or written over; "always": all, in whole blocks; "never": none, every byte is written."""

Compression: TypeAlias = int | bool | None
"""A level of zstd, from 1 to 22; True: one that costs little time; None or False: without compression."""

Changed: TypeAlias = Literal["error", "warn", "accept"]
"""What to do about a file that changes while it is read. "error": FileChangedError; "warn": FileChangedWarning;
"accept": nothing."""

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called regularly with the bytes done and their total, or None. An exception that it raises ends the operation."""

# ---- What the extension takes and gives ------------------------------------------------------------------------------


class HasFileno(Protocol):
    """A file with a descriptor."""

    def fileno(self) -> int: ...


ReadAt: TypeAlias = Callable[[int, int], Buffer]
"""A function that returns up to so many bytes at an offset."""

Reading: TypeAlias = (
    int | tuple[HasFileno, int | None] | tuple[HasFileno, int, int] | Buffer | ReadAt | tuple[ReadAt, int]
)
"""A descriptor, a file with a start or to be read in order, one with the start and the length of a range, a buffer, or
a function, perhaps with the size of what it reads."""

Writing: TypeAlias = (
    tuple[HasFileno]
    | tuple[Callable[[bytes], object], Callable[[int, bytes], object]]
    | bytes
    | Callable[[bytes], object]
    | io.BytesIO
    | None
)
"""A file, functions that take bytes in order and at an offset, a path, a function that takes bytes in order, a file in
memory, or None for bytes that are returned."""

Described: TypeAlias = tuple[int | None, int, int | None]
"""What a session tells of its file: the seconds and nanoseconds of its last modification, and its mode."""


class Params(TypedDict):
    """The parameters of a signature, as in C."""

    weak: int
    strong: int
    block_len: int
    strong_len: int


Names: TypeAlias = Mapping[str, str | bytes]
"""The paths of the files of an operation, by role, for its errors."""

Numbers: TypeAlias = tuple[
    int, int, int, int, int, int, int, int, int, int, bytes | None, bool, int, int | None, bytes | None, int
]  # fmt: skip
"""The fields of Stats, with the number of a role for `changed`."""
