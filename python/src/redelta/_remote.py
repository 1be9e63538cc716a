"""A file brought up to date with one that may be on another machine, as `redelta sync` does it."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import warnings
from collections.abc import Callable

from redelta import _core
from redelta._connection import CHUNK, KIND_REPLY, KIND_STATUS, Answer, Connection, Transport, Wishes, peer_error
from redelta._connection import put_request as request_of
from redelta._errors import ParameterError, PeerError, RedeltaError, TruncatedError
from redelta._params import change_number, output_limit, round_limit, session_compression, sparse_number, thread_number
from redelta._types import Changed, Compression, Path, Progress, Sparse
from redelta.sync import FileInfo, Outcome, Session

NOT_FOUND, NO_PERMISSION, NO_CONNECTION = 127, 126, 255
"""Statuses with which shells and ssh end."""

SHOW_EVERY = 0.04
"""Seconds between two calls of the caller's function."""

# ---- Places ----------------------------------------------------------------------------------------------------------


PLACE = re.compile(r"((?:[^@\[]*@)?)\[([^\]]*)\]:(.*)|([^:]*):(.*)", re.DOTALL)
"""[USER@]HOST:PATH: first with an IPv6 address, which stands in brackets, because it has colons."""


def place_of(name: Path) -> tuple[str, str] | None:
    """The host and the path of a name with a colon and no slash before that. None: it is a path on this machine."""
    if not isinstance(name, str) or ":" not in name.partition("/")[0]:
        return None
    found = PLACE.fullmatch(name)
    assert found
    user, address, path, host, other_path = found.groups()
    host, path = (host, other_path) if address is None else (user + address, path)
    if path.startswith("//"):
        raise ParameterError(f"{name!r} is a URL, and not a host and a path: write HOST:PATH")
    if not host or host.startswith("-") or host.endswith("@") or "@-" in host:
        raise ParameterError(f"{name!r} has a host that begins with a dash, or has no name: write HOST:PATH, or ./NAME")
    if not path:
        raise ParameterError(f"{name!r} names no file: write the name of the file after the colon")
    return host, path


# ---- The file that is replaced ---------------------------------------------------------------------------------------


def is_there(path: Path) -> bool:
    """Is there an old file? What is no file cannot be replaced."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise ParameterError(f"{os.fspath(path)!r} is not a regular file, so it cannot be replaced")
    return True


def give_mode(path: Path, told: FileInfo) -> None:
    """To a file that was created: the mode of the other one, without what the umask takes. It has taken that from what
    the file has now, which is nobody's right to execute it."""
    if told.mode is not None:
        now = stat.S_IMODE(os.stat(path).st_mode)
        os.chmod(path, told.mode & (now | (now & 0o444) >> 2))


def give_time(path: Path, told: FileInfo) -> None:
    if told.mtime_ns is not None:
        os.utime(path, ns=(os.stat(path).st_atime_ns, told.mtime_ns))


# ---- The conversation ------------------------------------------------------------------------------------------------


UNKNOWN = "whether the file was replaced is not known; do it again"
"""After the other side had all of the file."""


class Shown:
    """Calls the caller's function from time to time, and at the end."""

    def __init__(self, progress: Progress | None, session: Session) -> None:
        self._progress = progress
        self._session = session
        self._due = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if self._progress is not None and (now >= self._due or self._session.done):
            self._due = now + SHOW_EVERY
            state = self._session.state
            self._progress(state.done, state.new_size or None)


def unanswered(status: int | None) -> ConnectionError:
    """The other side has ended before it said anything."""
    if status == NOT_FOUND:
        return ConnectionError("there is no redelta on the other machine; install it, or say where by remote_program")
    if status == NO_PERMISSION:
        return ConnectionError("redelta cannot be run on the other machine; check its permissions there")
    if status == NO_CONNECTION:
        return ConnectionError("no connection could be made; see what the remote shell said, and try it by hand")
    ended = "" if status is None else f", with status {status}"
    return ConnectionError(f"the other side ended before it answered{ended}; see what it said, and try it by hand")


def carry(connection: Connection, session: Session, show: Callable[[], None]) -> None:
    """The rest of a session that has begun, until it is done."""
    while not session.done:
        came = connection.receive(wait=session.needs_input)
        connection.send(session.step(came or b"", end=came == b"", max_length=CHUNK))
        show()
    connection.give_back(session.unused_data)


def told_better(connection: Connection, session: Session, name: str, failure: PeerError) -> PeerError:
    """The other side says in its STATUS what exactly was wrong there."""
    connection.give_back(session.unused_data)
    try:
        answer = connection.receive_answer(KIND_STATUS)
    except (OSError, RedeltaError):
        answer = None
    return peer_error(name, answer) if answer is not None and answer.result and answer.text else failure


def converse(
    connection: Connection, session: Session, wishes: Wishes, name: str, show: Callable[[], None]
) -> Answer | None:
    """All of it. Returns the other side's STATUS, if that wrote the file."""
    connection.send(request_of(wishes))
    while said := session.step(max_length=CHUNK):  # at once, since the step after the first may read a whole file
        connection.send(said)
    reply = connection.receive_answer(KIND_REPLY)
    if reply is None:
        raise unanswered(connection.close())
    if reply.result:
        raise peer_error(name, reply)
    try:
        carry(connection, session, show)
    except PeerError as failure:
        raise told_better(connection, session, name, failure) from None
    except TruncatedError as failure:
        if failure.role is not None:  # a file of this side
            raise
        state = session.state
        said_all = state.digest is not None and state.done == state.new_size
        unknown = wishes.push and not connection.deaf and said_all
        status = connection.close()
        ended = "" if not status else f": the remote shell ended with status {status}"
        left = UNKNOWN if unknown else "nothing was replaced, do it again"
        raise TruncatedError(f"the connection broke{ended}; {left}") from None
    if not wishes.push:
        return None
    answer = connection.receive_answer(KIND_STATUS)
    if answer is None:
        raise TruncatedError(f"the connection broke: {UNKNOWN}")
    if answer.result:
        raise peer_error(name, answer)
    return answer


def sync_remote(
    session: Session, place: tuple[str, str], name: str, line: str, transport: Transport, wishes: Wishes, show: Shown
) -> tuple[Connection, Answer | None]:
    """Runs the session with the other machine, which is told if this side fails."""
    connection = Connection(transport, place[0], line)
    try:
        answer = converse(connection, session, wishes, name, show)
    except BaseException:
        try:
            connection.send(session.cancel())  # to somebody who may not listen any more, until a signal ends it
        finally:
            connection.close()
        raise
    connection.close(leave=True)
    return connection, answer


def sync_local(sender: Session, receiver: Session, show: Shown) -> None:
    said = receiver.step()
    while not (sender.done and receiver.done):
        said = receiver.step(sender.step(said, max_length=CHUNK))
        show()


# ---- All of it -------------------------------------------------------------------------------------------------------


def sync_file(
    src: Path,
    dst: Path,
    *,
    transport: Transport = None,
    remote_program: str = "redelta",
    compress: Compression = None,
    threads: int | None = None,
    max_rounds: int | None = None,
    max_output: int | None = None,
    sparse: Sparse = "auto",
    times: bool = False,
    progress: Progress | None = None,
    changed: Changed = "error",
) -> Outcome:
    """Makes `dst` the same file as `src`, with the fewest bytes: `redelta sync`. One of them may be on another machine:
    a `str` with a colon and no slash before it is `[USER@]HOST:PATH`; write `./a:b` for a file on this one.

    The other machine needs redelta, of the same version of the protocol. `transport` leads there:

    - None: ssh, with its own configuration for keys, ports and so on.
    - A list: a command that gets the host and the command line to run there as two more words, as ssh does.
    - A function, which gets the same two and returns the connection: a tuple of a binary stream to read from and one to
      write to, or an object that has them as `stdout` and `stdin`, as subprocess.Popen. A `read(n)`, or if there is one
      a `read1(n)`, has to return what has come, up to n bytes, without waiting for more; and nothing at the end. It is
      called in another thread. Both streams are closed in the end, and `wait` is called, if there is one.

    `remote_program` is the name of redelta there, for its shell.

    `dst` is replaced as a whole, when the new file is complete, verified and on the disk, or not at all; if it is equal
    already, it is left alone. If somebody else changes it meanwhile, that is a FileChangedError. A file that is created
    gets the mode of `src`; with `times`, `dst` gets its time.

    `max_output` limits the size of the new file. The other options are those of `Session`. `progress` gets the bytes of
    the new file that are complete, and their total, or None as long as that is not known.

    Raises PeerError if the other side fails, with what it says; ConnectionError if there is none; TruncatedError if the
    connection breaks; and what `Session.step` raises.

    >>> import pathlib, redelta, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     new, old = pathlib.Path(folder, "new"), pathlib.Path(folder, "old")
    ...     _ = new.write_bytes(b"new"), old.write_bytes(b"old")
    ...     _ = redelta.sync_file(new, old)  # or "host:old"
    ...     old.read_bytes()
    b'new'
    """
    places = place_of(src), place_of(dst)
    if places[0] and places[1]:
        raise ParameterError("both files are on other machines: run it on one of them, or write ./NAME for a local one")
    wishes = Wishes(
        push=places[1] is not None,
        path=os.fsencode((places[0] or places[1] or ("", "none"))[1]),
        times=times,
        accept_changed=change_number(changed) == change_number("accept"),
        sparse=sparse_number(sparse),
        compression=session_compression(compress),
        max_rounds=round_limit(max_rounds),
        max_output=output_limit(max_output),
    )
    thread_number(threads)
    line = f"{remote_program} serve --stdio"

    def new_sender() -> Session:
        return Session.sender(src, compress=compress, threads=threads, max_rounds=max_rounds, changed=changed)

    if places[1]:
        with new_sender() as session:
            show = Shown(progress, session)
            connection, answer = sync_remote(session, places[1], str(dst), line, transport, wishes, show)
            assert answer
            for message in _core.note_messages(answer.notes):
                warnings.warn(f"{dst}: {message}", RuntimeWarning, stacklevel=2)
            return Outcome(answer.created, answer.identical, connection.sent, connection.received, session.state)
    there = is_there(dst)
    with Session._receiver(
        dst if there else None, dst, True, compress, threads, max_rounds, max_output, sparse, changed
    ) as session:
        show = Shown(progress, session)
        sent = received = 0
        if places[0]:
            connection, _ = sync_remote(session, places[0], str(src), line, transport, wishes, show)
            sent, received = connection.sent, connection.received
        else:
            with new_sender() as sender:
                sync_local(sender, session, show)
        told = session.file
        assert told
        if not there:
            give_mode(dst, told)
        if times:
            give_time(dst, told)
        return Outcome(not there, session.state.identical, sent, received, session.state)
