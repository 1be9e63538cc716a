"""The three steps as file objects to read from, which make their contents from other files on demand, in constant
memory.

They are `io.BufferedIOBase`s, and can be used wherever a file that is open for reading can: by `shutil.copyfileobj`,
`tarfile` and HTTP clients, for instance. That of a patch can also be read at any offset.

They do not use the library's filter of a stream (rd_filter_stream_new): it is over once its source has failed, while
these go on when a file object raises once, as `io`'s own do.
"""

from __future__ import annotations

import io
import operator
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from redelta import _core
from redelta._core import VERIFY_ALWAYS, VERIFY_NEVER
from redelta._errors import CorruptError, ParameterError, RedeltaError
from redelta._files import Input, checked, is_buffer, is_path, raw_of, unwrapped
from redelta._params import (
    OFFSET_MAX,
    compression_level,
    delta_verify,
    output_limit,
    patch_verify,
    signature_params,
)
from redelta._range import FileRange, RangeReader
from redelta._signature import Signature, loaded
from redelta._stats import Stats
from redelta._types import Basis, Buffer, Compression, Hash, PatchVerify, Reading, Source, StrongLength

CHUNK = 256 * 1024
LINES = 8 * 1024
"""Bytes to make at once when looking for the end of a line."""


class _Feed:
    """A source to read in chunks. It closes what it opened, and with `closefd` also what it was given."""

    def __init__(self, source: Source, closefd: bool) -> None:
        file: Any = source
        if is_path(source):
            file = open(file, "rb", buffering=0)  # noqa: SIM115
        elif isinstance(file, FileRange):
            file = RangeReader(file)
        elif not hasattr(source, "read") and is_buffer(source):
            file = io.BytesIO(file)
        elif not callable(getattr(source, "read", None)):
            raise TypeError(f"a path, bytes or a reader is needed, not {type(source).__name__}")
        self.file = file
        self._closes = closefd or file is not source

    def read(self, size: int) -> Buffer:
        data: Buffer = checked(self.file.read(size))
        return data

    def close(self) -> None:
        if self._closes and hasattr(self.file, "close"):
            self.file.close()


class _StreamReader(io.BufferedIOBase):
    """A file object over a push stream. Threads wait for each other; a source that reads from the file object that it
    is the source of is refused."""

    def __init__(self, stream: _core.Stream, source: Source, closefd: bool) -> None:
        self._stream = stream
        self._pending = memoryview(b"")
        self._ended = False
        self._over = False
        self._done = False
        self._kept = b""  # made, but not yet asked for; from `_at` on
        self._at = 0
        self._lock = threading.Lock()
        self._owner = 0
        self._feed = _Feed(source, closefd)

    def _fill(self, size: int) -> None:
        """Reads more, if everything that was read has been used."""
        if not self._pending and not self._ended:
            self._pending = memoryview(self._feed.read(size)).cast("B")
            self._ended = not self._pending

    def _make(self, most: int) -> bytes:
        """The next bytes of the stream, at most `most`; none only at the end."""
        while not self._done:
            if not self._over:
                self._fill(CHUNK)
                made, taken, self._over = self._stream.step(self._pending, last=self._ended, most=most)
                self._pending = self._pending[taken:]
                if made:
                    return made
            if self._over:
                self._finish()
                self._done = True
        return b""

    def _take(self, end: int) -> bytes:
        """The bytes that are kept, up to `end`."""
        start, self._at = self._at, min(end, len(self._kept))
        return self._kept[start : self._at]

    def _some(self, left: int) -> bytes:
        """Some bytes, at most `left` if that is positive."""
        most = left if left > 0 else CHUNK
        return self._take(self._at + most) if self._at < len(self._kept) else self._make(most)

    def _some_of_line(self, left: int) -> bytes:
        """The same, but not beyond the end of a line."""
        if self._at == len(self._kept):
            self._kept, self._at = self._make(LINES), 0
        limit = self._at + left if left > 0 else len(self._kept)
        return self._take(self._kept.find(b"\n", self._at, limit) + 1 or limit)

    def _finish(self) -> None:
        """The stream is done."""

    def _gather(self, size: int | None, some: Callable[[int], bytes], enough: Callable[[bytes], bool]) -> bytes:
        """Collects `size` bytes, or all that are left, until a chunk is enough. If the source raises, those that were
        collected are kept for the next call."""
        self._refuse_re_entrance()
        left = -1 if size is None else max(operator.index(size), -1)
        parts: list[bytes] = []
        with self._lock:
            if self.closed:
                raise ValueError("I/O operation on closed file")
            self._owner = threading.get_ident()
            try:
                while left != 0 and (part := some(left)):
                    parts.append(part)
                    left = left - len(part) if left > 0 else left
                    if enough(part):
                        break
            except BaseException:
                self._kept, self._at = b"".join(parts) + self._kept[self._at :], 0
                raise
            finally:
                self._owner = 0
        return b"".join(parts)

    def _refuse_re_entrance(self) -> None:
        if self._owner == threading.get_ident():
            raise RedeltaError("it is in use: what it reads from may not call it")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads `size` bytes, or all that are left if these are fewer or no size is given."""
        return self._gather(size, self._some, lambda part: False)

    def read1(self, size: int = -1, /) -> bytes:
        """Reads some bytes, at most `size`; none only at the end."""
        return self._gather(size, self._some, lambda part: True)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Reads a line, or `size` bytes of it if it is longer. Some bytes after it are made as well."""
        return self._gather(size, self._some_of_line, lambda part: part.endswith(b"\n"))

    def close(self) -> None:
        """Closes the file object, and the files that it opened itself, or with `closefd` all that it reads from."""
        if not hasattr(self, "_feed"):  # it could not be made
            super().close()
            return
        self._refuse_re_entrance()
        with self._lock:
            self._owner = threading.get_ident()
            try:
                if not self.closed:
                    self._close_sources()
                super().close()
            finally:
                self._owner = 0

    def _close_sources(self) -> None:
        self._feed.close()

    @property
    def stats(self) -> Stats:
        """What has been done so far."""
        return Stats._of(self._stream.stats())


class SignatureReader(_StreamReader):
    """A file that reads as the signature of `basis`. The parameters are those of `signature`, but `block_len` is 2048
    unless it is given. With `closefd`, closing it closes `basis`.

    >>> import io, redelta
    >>> with redelta.SignatureReader(io.BytesIO(bytes(10000)), block_len=1000) as file:
    ...     file.read() == redelta.signature(bytes(10000), block_len=1000)
    True
    """

    def __init__(
        self,
        basis: Source,
        *,
        block_len: int | None = None,
        strong_len: StrongLength = None,
        hash: Hash = "rk-blake2",
        compress: Compression = None,
        closefd: bool = False,
    ) -> None:
        params = signature_params(block_len, strong_len, hash)
        super().__init__(_core.signature_stream(**params, compression=compression_level(compress)), basis, closefd)


class DeltaReader(_StreamReader):
    """A file that reads as the delta of `new` against `signature`. `verify` is that of `delta`. With `closefd`, closing
    it closes `new`.

    >>> import io, redelta
    >>> with redelta.DeltaReader(redelta.signature(b"old"), io.BytesIO(b"new")) as file:
    ...     redelta.patch(b"old", file)
    b'new'
    """

    def __init__(
        self,
        signature: Signature | Source,
        new: Source,
        *,
        verify: bool = True,
        compress: Compression = None,
        closefd: bool = False,
    ) -> None:
        level = compression_level(compress)
        table = loaded(signature)._table
        stream = _core.delta_stream(table, verify=delta_verify(verify), compression=level)
        super().__init__(stream, new, closefd)


class PatchReader(_StreamReader):
    """A file that reads as the new file that `delta` makes of `basis`. `max_output` is that of `patch`. With `closefd`,
    closing it closes `basis` and `delta`.

    Read from its start to its end, its contents are verified as by `patch`, and are valid only when the end has been
    read, because the digest of the new file comes last: if it is wrong, the last `read` raises VerifyError. `verify` is
    that of `patch`.

    It is `seekable` if the delta is: a path, bytes, a range, or a seekable file. The first `seek` to another place than
    that where it stands reads the commands of the delta, of 16 bytes of memory each, and the literals of a compressed
    one; from then on any range of the new file is read from basis and delta, by `zipfile`, pyarrow or pandas, for
    instance. A dense delta can only be read so.

    What is read after that `seek` is what the delta makes of the basis, and is not verified: it is right if this is the
    basis of the delta, and neither is damaged. Only the length of the basis is compared, if the delta knows it. With
    `verify=True`, that `seek` also makes all of the new file once, without keeping it, and raises VerifyError if it is
    another one; after that, every read raises FileChangedError if basis or delta have changed since, as far as their
    size and times show, if they are paths or plain files. So then all that is read is right. Other file objects, which
    basis and delta are read from, are set to other positions.

    >>> import redelta
    >>> delta = redelta.delta(redelta.signature(b"old"), b"first\\nsecond\\n")
    >>> with redelta.PatchReader(b"old", delta) as file:
    ...     list(file)
    [b'first\\n', b'second\\n']
    >>> with redelta.PatchReader(b"old", delta) as file:
    ...     file.seek(-4, 2), file.read(), file.seek(6), file.readline()
    (9, b'ond\\n', 6, b'second\\n')
    """

    def __init__(
        self,
        basis: Basis,
        delta: Source,
        *,
        max_output: int | None = None,
        verify: PatchVerify = "auto",
        closefd: bool = False,
    ) -> None:
        limit = output_limit(max_output)
        how = patch_verify(verify)
        self._limit = limit
        self._how = how
        self._basis_file: Any = basis if closefd else None
        self._position = 0
        self._next = 0
        self._patched: _core.Patched | None = None
        self._basis = Input(basis, basis=True)
        try:
            stream = _core.patch_stream(self._basis.native, output_max=limit, verify=how)
            super().__init__(stream, delta, closefd)
            self._delta = _delta_at_any_offset(self._feed.file)
            self._names = {
                role: name
                for role, name in (("basis", self._basis.name), ("delta", path_of(delta)))
                if name is not None
            }
        except BaseException:
            self._basis.close()
            raise

    def seekable(self) -> bool:
        """Can it be read at any offset?"""
        return self._delta is not None

    def tell(self) -> int:
        """The offset of the next byte in the new file."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Sets the offset of the next byte: from the start, from the present one (1), or from the end (2)."""
        place = operator.index(offset)
        self._refuse_re_entrance()
        with self._lock:
            if self.closed:
                raise ValueError("I/O operation on closed file")
            self._owner = threading.get_ident()
            try:
                return self._move(place, whence)
            finally:
                self._owner = 0

    def _move(self, offset: int, whence: int) -> int:
        if whence == io.SEEK_SET:
            target = offset
        elif whence == io.SEEK_CUR:
            target = self._position + offset
        elif whence == io.SEEK_END:
            target = self._opened().size() + offset
        else:
            raise ParameterError(f"whence must be 0, 1 or 2, not {whence}")
        if target < 0:
            raise ParameterError(f"there is no offset {target}")
        if target != self._position:
            self._opened()
        if self._patched is not None:
            self._kept, self._at = b"", 0
            self._next = target
        self._position = target
        return target

    def _opened(self) -> _core.Patched:
        """What is read at any offset."""
        if self._patched is not None:
            return self._patched
        if self._delta is None:
            raise io.UnsupportedOperation("seek: the delta can only be read in order")
        patched = _core.open_patched(
            self._basis.native, self._delta, verify=self._how, output_max=self._limit, names=self._names
        )
        try:
            if self._how == VERIFY_ALWAYS:
                patched.verify(self._names)
        except BaseException:
            patched.close()
            raise
        self._patched = patched
        self._kept, self._at = b"", 0
        self._next = self._position
        return patched

    def _make(self, most: int) -> bytes:
        if self._patched is None:
            return super()._make(most)
        made = self._patched.read(min(self._next, OFFSET_MAX), most, self._names)
        if self._how == VERIFY_ALWAYS:
            self._patched.check(self._names)
        self._next += len(made)
        return made

    def _gather(self, size: int | None, some: Callable[[int], bytes], enough: Callable[[bytes], bool]) -> bytes:
        made = super()._gather(size, some, enough)
        self._position += len(made)
        return made

    def _finish(self) -> None:
        if not self._strict:
            return
        self._fill(1)
        if self._pending:
            raise CorruptError("the delta continues after its end; make or fetch the delta again", role="delta")

    @property
    def _strict(self) -> bool:
        return self._how != VERIFY_NEVER

    def _close_sources(self) -> None:
        with ExitStack() as stack:
            stack.callback(super()._close_sources)
            if hasattr(self._basis_file, "close"):
                stack.callback(self._basis_file.close)
            stack.callback(self._basis.close)
            stack.callback(self._stream.close)
            if self._patched is not None:
                stack.callback(self._patched.close)


def path_of(source: object) -> str | bytes | None:
    """The path of a source that has one."""
    if isinstance(source, FileRange):
        return os.fspath(source.path)
    return os.fspath(source) if isinstance(source, str | os.PathLike) and is_path(source) else None


def _delta_at_any_offset(file: Any) -> Reading | None:
    """What the extension reads of a file from where it stands now, at any offset; None if it cannot be."""
    if isinstance(file, RangeReader):
        return file.native if file.file.seekable() else None
    inner = unwrapped(file)
    if type(inner) is io.BytesIO:
        return memoryview(inner.getvalue())[inner.tell() :]
    seekable = getattr(inner, "seekable", None)
    if not callable(getattr(inner, "seek", None)) or not callable(getattr(inner, "tell", None)):
        return None
    if callable(seekable) and not seekable():
        return None
    start = operator.index(inner.tell())
    if raw_of(inner) is not None:
        return (inner, start)

    def read_at(offset: int, size: int) -> Any:
        inner.seek(start + offset)
        return checked(inner.read(size))

    return read_at
