"""A file brought up to date over any two-way connection, with few bytes and a few round trips.

One side has the new file, the other one an old file, and writes the new one: a `Session` on each side says what the
other one has to get. A session does no input or output but on its files, so it fits any transport: whoever has the
connection carries the bytes.

>>> import io
>>> from redelta.sync import Session
>>> old = bytes(range(256)) * 1000
>>> new = old[:100_000] + b"something else" + old[100_000:]
>>> result = io.BytesIO()
>>> with Session.sender(new) as sender, Session.receiver(old, result) as receiver:
...     said = b""
...     while not (sender.done and receiver.done):
...         said = receiver.step(sender.step(said))
>>> result.getvalue() == new
True

Nothing that comes from the other side is trusted: the new file is verified by its digest, and hashes that mislead cost
bytes, never a wrong file. `redelta.sync_file` is all that is needed between two machines that have redelta and ssh.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from redelta import _core
from redelta._files import Files, check_destination, raw_of, unwrapped
from redelta._params import (
    change_number,
    output_limit,
    round_limit,
    session_compression,
    sparse_number,
    thread_number,
)
from redelta._types import Basis, Buffer, Changed, Compression, Described, Destination, Sparse

__all__ = ["FileInfo", "Outcome", "Session", "State"]

NANO = 1_000_000_000
MODE_BITS = 0o777


@dataclass(frozen=True)
class FileInfo:
    """What a sender tells of the new file besides its bytes."""

    size: int
    """In bytes."""
    mtime_ns: int | None = None
    """When it was last modified, in nanoseconds since 1970, as `os.stat_result.st_mtime_ns`."""
    mode: int | None = None
    """Its nine permission bits."""


@dataclass(frozen=True)
class State:
    """How far a session is."""

    sent: int = 0
    """Bytes that the session has given for the other side."""
    received: int = 0
    """Bytes that it took from there."""
    old_size: int = 0
    """Of the receiver's file; 0 until it is known."""
    new_size: int = 0
    """Of the sender's file; 0 until it is known."""
    known: int = 0
    """Bytes of the new file that are found in the old one so far, as far as one knows."""
    literal: int = 0
    """Bytes of the new file that were sent, before compression."""
    done: int = 0
    """Bytes of the new file that are complete: written by the receiver, sent by the sender."""
    rounds: int = 0
    """Round trips of the part of the file that took the most."""
    repaired: int = 0
    """Bytes that were sent once more, because hashes had misled."""
    identical: bool = False
    """Both files are equal: nothing was written."""
    digest: bytes | None = None
    """Of the new file (BLAKE3, 32 bytes), once it is known."""


@dataclass(frozen=True)
class Outcome:
    """What `redelta.sync_file` did."""

    created: bool
    """There was no old file."""
    identical: bool
    """Both files were equal already: nothing was written."""
    sent: int
    """Bytes sent to the other machine, all included."""
    received: int
    """Bytes received from there."""
    state: State
    """How the session ended on this side."""


def _described(new: object, mtime_ns: int | None, mode: int | None) -> Described:
    """What the extension takes: seconds or None, nanoseconds, mode or None. What is not given is that of the file, if
    it is one."""
    status = _status(new)
    if status is not None and stat.S_ISREG(status.st_mode):
        mtime_ns = status.st_mtime_ns if mtime_ns is None else mtime_ns
        mode = status.st_mode if mode is None else mode
    seconds, rest = (None, 0) if mtime_ns is None else divmod(mtime_ns, NANO)
    return seconds, rest, None if mode is None else mode & MODE_BITS


def _status(new: Any) -> os.stat_result | None:
    """Of a file that is given by its path, or as a plain file."""
    file = unwrapped(new)
    if raw_of(file) is not None:
        return os.fstat(file.fileno())
    return os.stat(new) if isinstance(new, str | os.PathLike) else None


class Session:
    """One side of a connection over which a file is brought up to date: `Session.sender` has the new file,
    `Session.receiver` the old one.

    `step` takes what came from the other side and returns what has to be sent there. Both sides step once to begin, and
    then whenever something comes, until they are `done`: the receiver when the new file is written and verified, the
    sender when the receiver has said so. It does not matter how the bytes are cut into pieces.

    If `step` raises, the session is over. Then send the other side its `farewell`, which tells it why: it raises
    PeerError there.

    A session is to be closed, by `close` or by leaving a `with`: its files are open until then, or until it is done.
    Several threads may use it; they wait for each other."""

    __slots__ = ("_files", "_held", "_native", "_unused", "done", "needs_input")

    _native: _core.Session
    _files: Files
    _held: memoryview
    _unused: bytes
    done: bool
    """The session has ended, and well."""
    needs_input: bool
    """There is nothing to be said until something comes from the other side. False after a `step` with a `max_length`
    that has left more to say."""

    def __init__(self) -> None:
        raise TypeError("a session is made by Session.sender or Session.receiver")

    @classmethod
    def _made(cls, native: _core.Session, files: Files) -> Self:
        session = object.__new__(cls)
        session._native = native
        session._files = files
        session._held = memoryview(b"")
        session._unused = b""
        session.done = False
        session.needs_input = True
        return session

    @classmethod
    def sender(
        cls,
        new: Basis,
        *,
        compress: Compression = None,
        threads: int | None = None,
        max_rounds: int | None = None,
        changed: Changed = "error",
        mtime_ns: int | None = None,
        mode: int | None = None,
    ) -> Self:
        """The session of the side that has the new file.

        `new` is a path, bytes, or a file object with `seek`, which is read from its start, at any offset. A path and a
        plain file tell the receiver their time and permissions as well; `mtime_ns` and `mode` tell others.

        `compress` is the level of zstd for what is sent, 1 to 22; by default one that fits the amount, and False sends
        it plain. At most `threads` work at once, by default one for each processor. `max_rounds` limits the round trips
        for connections with a long delay: fewer cost more bytes, and with less than 4 the whole file is sent; it is the
        sender's that counts. `changed` is that of `signature`.

        Raises ParameterError, OSError, and the exceptions of a file object."""
        options = {
            "compression": session_compression(compress),
            "threads": thread_number(threads),
            "max_rounds": round_limit(max_rounds),
            "changed": change_number(changed),
        }
        files = Files()
        try:
            opened = files.read_basis(new, role="new file", sized=True)
            native = _core.session_sender(
                opened.native, _described(new, mtime_ns, mode), **options, names=dict(files.names)
            )
        except BaseException:
            files.close()
            raise
        return cls._made(native, files)

    @classmethod
    def receiver(
        cls,
        old: Basis | None,
        out: Destination,
        *,
        compress: Compression = None,
        threads: int | None = None,
        max_rounds: int | None = None,
        max_output: int | None = None,
        sparse: Sparse = "auto",
        changed: Changed = "error",
    ) -> Self:
        """The session of the side that has the old file, and gets the new one.

        `old` is a path, bytes, or a file object with `seek`; None: there is no old file. The file of a path `out`,
        which may be the old one, is replaced as a whole in the `step` that ends the session, when the new one is
        verified and on the disk, or not at all. A writer gets bytes before they are verified: they are the new file
        once the session is done. It should have `seek` and `tell`, so that bytes can be repaired if hashes have misled;
        without them that is a VerifyError.

        If both files turn out to be equal, nothing is written at all, and `state.identical` says so: `old` is the new
        file then.

        `max_output` limits the size of the new file, in bytes: LimitError is raised before more is written. `sparse` is
        that of `write_patch`, the other options are those of `sender`.

        Raises ParameterError, OSError, and the exceptions of a file object."""
        return cls._receiver(old, out, False, compress, threads, max_rounds, max_output, sparse, changed)

    @classmethod
    def _receiver(
        cls,
        old: Basis | None,
        out: Destination,
        guarded: bool,
        compress: Compression,
        threads: int | None,
        max_rounds: int | None,
        max_output: int | None,
        sparse: Sparse,
        changed: Changed,
    ) -> Self:
        """`guarded`: what is replaced must still be the old file then, or nothing if there was none."""
        check_destination(out)
        options = {
            "compression": session_compression(compress),
            "threads": thread_number(threads),
            "max_rounds": round_limit(max_rounds),
            "output_max": output_limit(max_output),
            "sparse": sparse_number(sparse),
            "changed": change_number(changed),
        }
        files = Files()
        try:
            opened = None if old is None else files.read_basis(old, sized=True).native
            to = files.write(out, at_offsets=True)
            native = _core.session_receiver(opened, to, guarded, **options, names=dict(files.names))
        except BaseException:
            files.close()
            raise
        return cls._made(native, files)

    def step(self, data: Buffer = b"", *, end: bool = False, max_length: int = -1) -> bytes:
        """Takes what came from the other side, works, and returns what is to be sent there, which is often nothing.

        `end` says that the connection is closed, and nothing follows `data`. With `max_length`, at most so many bytes
        are returned, and unused input is kept: as long as `needs_input` is false, `step(max_length=...)` returns more.
        After the end of the session, all is left in `unused_data`. The first step of a sender, without data, returns
        before it reads its file: what it returns can travel while the next one, at once and without data, reads it.

        Raises PeerError if the other side has told of an error, TruncatedError if the connection ended too early,
        BadMagicError or CorruptError if what came is not the protocol, VerifyError if the result is wrong,
        FileChangedError, LimitError, OSError, and the exceptions of the file objects. After that, the session is over;
        `farewell` is what the other side has to be told."""
        given = memoryview(data).cast("B")
        if self._held:
            given = memoryview(self._held.tobytes() + given) if given else self._held
        if max_length == 0:
            self._hold(given)
            return b""
        most = max(max_length, 0)
        try:
            said, taken, self.done = self._native.step(given, end=end, most=most)
        except BaseException:
            self._end(given[len(given) - self._native.farewell()[1] :])
            raise
        self._hold(given[taken:])
        if self.done:
            self._end(self._held)
        self.needs_input = not (self.done or self._held or len(said) == most != 0)
        return said

    def _end(self, rest: memoryview) -> None:
        """The session is over, and did not take this."""
        self._unused += rest
        self._held = memoryview(b"")
        self._files.close()

    def _hold(self, rest: memoryview) -> None:
        """Keeps the unused input, in bytes that cannot change."""
        self._held = rest if isinstance(rest.obj, bytes) else memoryview(rest.tobytes())

    def cancel(self) -> bytes:
        """Ends the session, and returns what tells the other side, its `farewell`. A file that is being written is
        discarded. Nothing happens if the session is over."""
        self._native.cancel()
        self._files.close()
        return self.farewell

    @property
    def farewell(self) -> bytes:
        """What is to be sent after `step` has raised or `cancel` was called: it tells the other side. Empty before, and
        if there is nobody to tell."""
        return self._native.farewell()[0]

    @property
    def unused_data(self) -> bytes:
        """What was given to `step` behind the end of the session, or behind what made it fail: the connection's next
        bytes, whatever they are."""
        return self._unused

    @property
    def state(self) -> State:
        """How far the session is, or how it ended."""
        return State(*self._native.state())

    @property
    def file(self) -> FileInfo | None:
        """What the sender told of the new file; None as long as it is not known."""
        told = self._native.file()
        if told is None:
            return None
        size, seconds, nanoseconds, mode = told
        return FileInfo(size, None if seconds is None else seconds * NANO + nanoseconds, mode)

    def close(self) -> None:
        """Closes the files. A session that is not done has failed, and a file that is being written is discarded; its
        `state` is what it was."""
        self._native.close()
        self._files.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Session cannot be copied or pickled")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
