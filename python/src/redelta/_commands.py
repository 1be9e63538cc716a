"""Deltas command by command: one that is read, with the bytes of its literals, and one that is written."""

from __future__ import annotations

import operator
from contextlib import ExitStack
from types import TracebackType
from typing import NoReturn, Self

from redelta import _core
from redelta._errors import ParameterError, RedeltaError
from redelta._files import Files
from redelta._inspect import Copy, Literal
from redelta._params import compression_level, file_offset, patch_verify, thread_number
from redelta._stats import Stats
from redelta._types import Basis, Buffer, Compression, Destination, PatchVerify, Source


class OpenLiteral(Literal):
    """A `Literal` of an open delta, whose bytes can be read until the next command is asked for. It is equal to the
    Literal with the same numbers."""

    _delta: OpenDelta
    delta_offset: int | None
    """Where its first byte lies in the delta, in bytes; None if the delta is compressed."""

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes of the literal, or what is left of it if that is less or no size is given; b"" once all
        were read. Memory grows with what is read. Raises RedeltaError once the next command was asked for or the delta
        was closed, and the exceptions of reading the delta."""
        return self._delta._read(self, -1 if size is None else operator.index(size))


class OpenDelta:
    """The commands of a delta, read one after the other in constant memory: an iterator, and a context manager that
    closes what `open_delta` opened. Threads wait for each other."""

    __slots__ = ("__weakref__", "_current", "_files", "_opened", "_ops", "_over", "_to_close")

    def __init__(self, delta: Source, verify: PatchVerify) -> None:
        how = patch_verify(verify)
        self._current: OpenLiteral | None = None
        self._over = False
        with ExitStack() as stack:
            self._files = stack.enter_context(Files())
            self._opened = self._files.read("delta", delta)
            self._ops = _core.open_ops(self._opened.native, verify=how, names=self._files.names)
            stack.callback(self._ops.close)
            self._to_close = stack.pop_all()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Copy | OpenLiteral:
        self._current = None
        if self._over:
            raise StopIteration
        found = self._ops.next(self._files.names)
        if found is None:
            self._over = True
            self._opened.used = self._ops.stats()[0]
            raise StopIteration
        target, length, basis, offset = found
        if basis is not None:
            return Copy(target, length, basis)
        literal = OpenLiteral(target, length)
        literal._delta = self
        literal.delta_offset = offset
        self._current = literal
        return literal

    def _read(self, literal: OpenLiteral, size: int) -> bytes:
        if literal is not self._current:
            raise RedeltaError(
                "this literal can no longer be read: the next command was asked for, or the delta was closed"
            )
        return self._ops.read(size, self._files.names)

    @property
    def stats(self) -> Stats:
        """What was read so far; with the digest of the new file once the end was reached, if the delta has one."""
        return Stats._of(self._ops.stats())

    def close(self) -> None:
        """Closes the delta, and its file if that was opened here. An open file that was read to the end of the delta is
        left there."""
        self._current = None
        self._over = True
        self._to_close.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an OpenDelta cannot be copied or pickled")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_delta(delta: Source, *, verify: PatchVerify = "auto") -> OpenDelta:
    """Opens a delta to go through its commands. The iterator gives `Copy` and `OpenLiteral`, one after the other, and
    an OpenLiteral can `read` its bytes while it is the last that was given. What is not read of it is skipped, if the
    source allows that. `inspect` gives all commands at once, without the bytes.

    The delta is checked on the way, and at the end as a whole: VerifyError if its digest is that of a file of another
    length, or if there is none and `verify` is True. With `verify=False`, what follows its end is ignored.

    Memory: constant, but for what `read` returns; a literal may claim to have any length.

    Raises BadMagicError, TruncatedError or CorruptError if it is not valid, OSError, and the exceptions of the reader.

    >>> import redelta
    >>> basis = bytes(range(256)) * 40
    >>> with redelta.open_delta(redelta.delta(redelta.signature(basis), b"new" + basis)) as delta:
    ...     for op in delta:
    ...         print(op.length, op.read() if isinstance(op, redelta.OpenLiteral) else f"at {op.basis}")
    3 b'new'
    10240 at 0
    """
    return OpenDelta(delta, verify)


class DeltaWriter:
    """Writes a delta of copies and new bytes, given in the order of the new file.

    `out` is where it goes: a path, which gets its file when the delta is finished, or a writer; without it, `finish`
    returns the bytes. Copies that continue each other become one, and new bytes are gathered, so the delta does not
    depend on the amounts in which they are given.

    With a `basis`, the delta gets a digest of the new file, by which a patch verifies its result: the basis is read
    where it is copied, and must have `seek` if it is a file object. (Use `basis=b""` if there are no copies.) Without
    one, give the digest to `finish`, or the delta has none. `verify=True` is for a delta that must have one, and
    `verify=False` for one without, as of librsync. `compress` is that of `delta`, `flush` that of `write_delta`; at
    most `threads` work at once.

    Leaving a `with` finishes the delta; if an exception is raised in it, the delta is discarded, and the file of a path
    stays as it was. A writer keeps what was written to it. Memory: constant, but for the bytes that are returned.
    Threads wait for each other.

    >>> import redelta
    >>> writer = redelta.DeltaWriter(basis=b"the old version")
    >>> writer.copy(0, 4)
    >>> writer.literal(b"new")
    >>> writer.copy(7, 8)
    >>> redelta.patch(b"the old version", writer.finish(), verify=True)
    b'the new version'
    """

    __slots__ = ("__weakref__", "_files", "_native", "_over", "_to_close")

    def __init__(
        self,
        out: Destination | None = None,
        basis: Basis | None = None,
        *,
        verify: PatchVerify = "auto",
        compress: Compression = None,
        threads: int | None = None,
        flush: bool = False,
    ) -> None:
        how = patch_verify(verify)
        level = compression_level(compress)
        most = thread_number(threads)
        self._over = False
        with ExitStack() as stack:
            self._files = stack.enter_context(Files())
            opened = None if basis is None else self._files.read_basis(basis).native
            self._native = _core.open_writer(
                self._files.write(out),
                opened,
                verify=how,
                compression=level,
                threads=most,
                flush=flush,
                names=self._files.names,
            )
            stack.callback(self._native.close)
            self._to_close = stack.pop_all()

    def copy(self, offset: int, length: int) -> None:
        """Adds `length` bytes of the basis, from byte `offset` on; 0 are none. Raises TruncatedError if the basis that
        was given ends before, ParameterError, OSError, and the exceptions of the basis and the writer. After an error
        the delta is discarded."""
        self._native.copy(file_offset("offset", offset), file_offset("length", length), self._files.names)

    def literal(self, data: Buffer) -> None:
        """Adds new bytes. Raises OSError, and the exceptions of the writer. After an error the delta is discarded."""
        self._native.literal(data, self._files.names)

    def finish(self, digest: Buffer | None = None) -> bytes | None:
        """Ends the delta. Returns its bytes, or None if there is an `out`. `digest` is that of the new file, as of
        `redelta.digest`; it is trusted, also if there is a basis. Raises VerifyError if there is none and `verify` is
        True, ParameterError, OSError, and the exceptions of the writer."""
        given = None if digest is None else bytes(memoryview(digest))
        if given is not None and len(given) != _core.DIGEST_LEN:
            raise ParameterError(f"digest must be {_core.DIGEST_LEN} bytes, as of redelta.digest, not {len(given)}")
        self._over = True
        try:
            return self._native.finish(given, self._files.names)
        finally:
            self._to_close.close()

    @property
    def stats(self) -> Stats:
        """What was written so far; with the digest of the new file once the delta was finished."""
        return Stats._of(self._native.stats())

    def close(self) -> None:
        """Discards the delta, unless it was finished, and closes what was opened here."""
        self._over = True
        self._to_close.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a DeltaWriter cannot be copied or pickled")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._over:
                self.finish()
        finally:
            self.close()
