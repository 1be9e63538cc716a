"""Where bytes come from and go to: paths, buffers and file objects, as the extension takes them.

Paths and plain files go to the C library by their descriptors, so that their bytes do not pass through Python at all. A
plain file is one of the classes of `io` themselves: what derives from them may read in its own way, and is asked to.
Such a file is used from its position on, regardless of what it has read ahead or not yet written, and its position is
then after what was used. The extension gets the file itself, and asks it for its descriptor at each use: once a file is
closed, its number may be another's. A temporary file of the standard library is used as the file inside it; but one
that is still in memory is written to by its own `write`, which moves it to the disk when it is too large.

Everything else is asked for bytes, or given bytes, and nothing but `read` and `write` is called; of a basis, `seek`
too.
"""

from __future__ import annotations

import errno
import fcntl
import io
import operator
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeAlias

from redelta._errors import ParameterError, is_url, system_failure
from redelta._range import FileRange, ranged
from redelta._types import Basis, Destination, Reading, Source, Writing

BufferedFile: TypeAlias = io.BufferedReader | io.BufferedWriter | io.BufferedRandom
PlainFile: TypeAlias = io.FileIO | BufferedFile

BUFFERED = (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)


def in_main_thread() -> bool:
    """Is this the thread that signals come to?"""
    return threading.get_ident() == threading.main_thread().ident


# ---- Plain files ----------------------------------------------------------------------------------------------------


def raw_of(file: object) -> io.FileIO | None:
    """The raw file of a plain file; None for any other object."""
    if type(file) is io.FileIO:
        return file
    if isinstance(file, BUFFERED) and type(file) in BUFFERED and type(file.raw) is io.FileIO:
        return file.raw
    return None


def unwrapped(file: Any) -> Any:
    """The file inside a temporary file of the standard library; any other object itself."""
    if type(file) is getattr(tempfile, "_TemporaryFileWrapper", None):  # the name is not documented
        return file.file
    if type(file) is tempfile.SpooledTemporaryFile:
        return file._file
    return file


# ---- Inputs ---------------------------------------------------------------------------------------------------------


NO_DESTINATION = "a path or a writer is needed, not {}"
TEXT = "read() gives str, not bytes: open the file in binary mode"


def checked(data: Any) -> Any:
    """What a `read` returned, unless it is not bytes."""
    if data is None:
        raise BlockingIOError(errno.EAGAIN, "the reader has nothing to give now: redelta needs one that waits")
    if isinstance(data, str):
        raise TypeError(TEXT)
    return data


def is_path(value: object) -> bool:
    """Is this the path of a file? Not if it is an open file with a path, like those of fsspec."""
    return isinstance(value, str) or (isinstance(value, os.PathLike) and not isinstance(value, io.IOBase))


def is_buffer(value: Any) -> bool:
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


def buffer_of(value: Any) -> Any:
    """The same bytes in an object that cannot be called: the extension calls those that can."""
    return memoryview(value) if callable(value) else value


def open_path(name: str | bytes) -> io.FileIO:
    try:
        return open(name, "rb", buffering=0)
    except FileNotFoundError as error:
        if not is_url(name):
            raise
        raise system_failure(errno.ENOENT, name) from error


def end_of(file: Any) -> int:
    """The size of a reader that can be set to its end, as files can."""
    end = file.seek(0, os.SEEK_END)
    return end if isinstance(end, int) else operator.index(file.tell())


def read_all(source: Any) -> bytes:
    """All bytes of a source, in memory."""
    if is_path(source):
        with open(source, "rb") as file:
            return file.read()
    if isinstance(source, FileRange):
        with open(source.path, "rb") as file:
            file.seek(source.start)
            return file.read(-1 if source.length is None else source.length)
    if is_buffer(source) and not hasattr(source, "read"):
        return bytes(source)
    if not callable(getattr(source, "read", None)):
        raise TypeError(f"a path, bytes or a reader is needed, not {type(source).__name__}")
    return b"".join(iter(lambda: bytes(checked(source.read(1 << 20))), b""))


class Input:
    """An open source: `native` is what the extension takes, `name` its path, if it has one. A basis is read at any
    offset from its start, and its position is left as it was. `used`, once it is set, is how many bytes were read of
    anything else, and `whole` says that it was all. With `sized`, the size of a reader is found out. To be closed."""

    def __init__(self, source: Source | Basis, *, basis: bool = False, sized: bool = False) -> None:
        self.native: Reading
        self.name: str | bytes | None = None
        self.used: int | None = None
        self.whole = False
        self._source = source  # a temporary file closes the one inside when it is collected
        self._basis = basis
        self._sized = sized
        self._owned: io.FileIO | None = None
        self._plain: PlainFile | None = None
        self._start = 0
        self._memory: io.BytesIO | None = None
        self._open(source)

    def _open(self, source: Any) -> None:
        file = unwrapped(source)
        if isinstance(source, bytes | bytearray | memoryview):
            self.native = buffer_of(source)
        elif is_path(source):
            self.name = os.fspath(source)
            self._owned = open_path(self.name)
            self.native = self._owned.fileno()
        elif isinstance(source, FileRange):
            self.name = os.fspath(source.path)
            self._owned = open_path(self.name)
            self.native = ranged(self._owned, source)
        elif type(file) is io.BytesIO:
            self._memory = file
            self.native = memoryview(file.getvalue())[0 if self._basis else file.tell() :]  # nothing is copied
        elif raw_of(file) is not None and file.readable() and self._open_plain(file):
            pass
        elif is_buffer(source):
            self.native = buffer_of(source)
        elif isinstance(source, io.TextIOBase):
            raise TypeError(TEXT)
        elif callable(getattr(source, "read", None)):
            self.native = self._reader(source)
        else:
            raise TypeError(f"a path, bytes or a reader is needed, not {type(source).__name__}")

    def _open_plain(self, file: PlainFile) -> bool:
        """False: it is a pipe or the like, of which bytes may have been read ahead."""
        if not file.seekable():
            self.native = (file, None)
            return type(file) is io.FileIO
        file.flush()
        self._plain = file
        self._start = 0 if self._basis else file.tell()
        self.native = (file, self._start)
        return True

    def _reader(self, file: Any) -> Reading:
        if not self._basis:
            return lambda offset, size: checked(file.read(size))
        if not callable(getattr(file, "seek", None)):
            raise TypeError("a basis must have seek: copy what does not have it to a file")

        def read_at(offset: int, size: int) -> Any:
            file.seek(offset)
            return checked(file.read(size))

        return (read_at, end_of(file)) if self._sized else read_at

    def is_written_by(self, output: Output) -> bool:
        """Would what is read be what was just written?"""
        if self._memory is not None:
            return output.file is self._memory
        file = self._owned or self._plain
        return file is not None and output.plain is not None and is_one_file(file.fileno(), output.plain.fileno())

    def close(self) -> None:
        if self._owned is not None:
            self._owned.close()
        if self.whole:
            self._seek_end()
        if self._plain is not None and self.used is not None and not self._plain.closed:
            self._plain.seek(self._start + self.used)
        if self._memory is not None and self.used is not None:
            self._memory.seek(self.used, os.SEEK_CUR)

    def _seek_end(self) -> None:
        if self._plain is not None and not self._plain.closed:
            self._plain.seek(0, os.SEEK_END)
        if self._memory is not None:
            self._memory.seek(0, os.SEEK_END)


# ---- Outputs --------------------------------------------------------------------------------------------------------


def check_destination(destination: object) -> None:
    """None means bytes, which only the functions that return bytes accept."""
    if destination is None:
        raise TypeError(NO_DESTINATION.format("None"))


def writer_to(file: Any) -> Callable[[bytes], None]:
    """A function that writes all of the bytes, however few the file takes at once: one that did not take all is given a
    view of the rest, as raw files are by `io`."""

    def write(data: bytes) -> None:
        done, size = 0, len(data)
        while done < size:
            taken = file.write(memoryview(data)[done:] if done else data)
            if not taken and isinstance(file, io.RawIOBase):
                raise BlockingIOError(errno.EAGAIN, "the writer takes nothing now: redelta needs one that waits")
            if not isinstance(taken, int):
                break  # many writers return nothing, and take all
            if not 0 < taken <= size - done:
                raise OSError(errno.EIO, f"write() of {size - done} bytes gave {taken}")
            done += taken

    return write


def writer_at(file: Any) -> tuple[Callable[[bytes], None], Callable[[int, bytes], None]] | None:
    """Two functions: one that writes in order, and one that writes at an offset from where the file stands now, and
    leaves the place of the first. None if the file can only be written in order."""
    seekable = getattr(file, "seekable", None)
    if not callable(getattr(file, "seek", None)) or not callable(getattr(file, "tell", None)):
        return None
    if callable(seekable) and not seekable():
        return None
    write = writer_to(file)
    start = operator.index(file.tell())

    def write_at(offset: int, data: bytes) -> None:
        place = file.tell()
        file.seek(start + offset)
        write(data)
        file.seek(place)

    return write, write_at


def is_one_file(fd: int, other: int) -> bool:
    """Is what is written to one of them what is read from the other? Not so of sockets, terminals and `/dev/null`."""
    status = os.fstat(fd)
    return (stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)) and os.path.sameopenfile(fd, other)


class Output:
    """An open destination, or None for bytes: `native` is what the extension takes, `name` as in an input, `file` the
    object or what is inside it, and `plain` that, if it is a plain file. To be closed."""

    def __init__(self, destination: Destination | None) -> None:
        self.native: Writing = None
        self.name: str | bytes | None = None
        self.plain: PlainFile | None = None
        self.file = unwrapped(destination)
        self._buffered: BufferedFile | None = None
        if destination is not None:
            self._open(destination)

    def _open(self, destination: Any) -> None:
        if is_path(destination):
            self.name = os.fspath(destination)
            self.native = os.fsencode(destination)
        elif raw_of(self.file) is not None and self.file.writable():
            self._open_plain(self.file)
        elif type(destination) is io.BytesIO:
            self.native = destination
        elif callable(getattr(destination, "write", None)):
            self.native = writer_to(destination)
        else:
            raise TypeError(NO_DESTINATION.format(type(destination).__name__))

    def native_at_offsets(self) -> Writing:
        """For what is written to in any order. A descriptor's offsets count from the start of the file, and are of no
        use if that is opened for appending; so only a file that is at its start is written to by its descriptor."""
        if self.plain is None:
            is_object = isinstance(self.native, io.BytesIO) or callable(self.native)
            return (writer_at(self.file) if is_object else None) or self.native
        if not self.plain.seekable():
            return self.native
        fd = self.plain.fileno()
        appends = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND)
        if not appends and os.lseek(fd, 0, os.SEEK_CUR) == 0:
            return self.native
        self._buffered = None
        return (None if appends else writer_at(self.plain)) or writer_to(self.plain)

    def _open_plain(self, file: PlainFile) -> None:
        file.flush()
        self.plain = file
        self.native = (file,)
        if not isinstance(file, io.FileIO) and file.seekable():
            self._buffered = file
            os.lseek(file.fileno(), file.tell(), os.SEEK_SET)

    def close(self) -> None:
        """Sets a buffered file to the position after what was written to its descriptor."""
        if self._buffered is not None and not self._buffered.closed:
            self._buffered.seek(self._buffered.raw.tell())


# ---- Both -----------------------------------------------------------------------------------------------------------


class Files:
    """The files of one operation, closed on leaving; `names` are the paths of those that have one, by role."""

    def __init__(self) -> None:
        self.names: dict[str, str | bytes] = {}
        self._inputs: list[Input] = []
        self._to_close = ExitStack()

    def read(self, role: str, source: Source) -> Input:
        return self._note(role, Input(source))

    def read_basis(self, source: Basis, *, role: str = "basis", sized: bool = False) -> Input:
        return self._note(role, Input(source, basis=True, sized=sized))

    def _note(self, role: str, opened: Input) -> Input:
        self._inputs.append(opened)
        self._to_close.callback(opened.close)
        if opened.name is not None:
            self.names[role] = opened.name
        return opened

    def names_of(self, opened: Input, *, number: str) -> dict[str, str | bytes]:
        """The names if an error is about this delta, which is one of several: `number` says which."""
        others = {role: name for role, name in self.names.items() if role != "delta"}
        return {**others, "number": number, **({} if opened.name is None else {"delta": opened.name})}

    def write(self, destination: Destination | None, *, at_offsets: bool = False) -> Writing:
        """A file that is written to directly cannot also be an input. `at_offsets`: a writer is to be written to at any
        offset as well, if it can be."""
        output = Output(destination)
        self._to_close.callback(output.close)
        if output.name is not None:
            self.names["output"] = output.name
        if any(each.is_written_by(output) for each in self._inputs):
            raise ParameterError("the output is also an input: name it by its path, and it is replaced at the end")
        return output.native_at_offsets() if at_offsets else output.native

    def close(self) -> None:
        self._to_close.close()

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
