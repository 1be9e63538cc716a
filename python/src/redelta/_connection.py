"""The connection to redelta on another machine: the messages around a session, and the streams that carry both.

The messages are those of the command, described in docs/formats.md ("Connection"): a REQUEST to the other side, its
REPLY, and at the end its STATUS, if it was the one that wrote the file. Nothing that comes is trusted.

The streams may make who uses them wait. A thread reads, so that what comes is taken while this side waits for what it
says to be taken; otherwise two sides with much to say would wait for each other forever.
"""

from __future__ import annotations

import queue
import struct
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from redelta import _core
from redelta._errors import BadMagicError, CorruptError, ParameterError, PeerError
from redelta._files import writer_to

CHUNK = 256 * 1024
CHUNKS_HELD = 16
"""What was read and not used yet: any more makes the other side wait."""
PATIENCE = 10.0
"""How long the other side may take to end, in seconds."""
SHOWN_MAX = 60

Connected: TypeAlias = Any
"""A pair of binary streams, or an object with `stdout` and `stdin`, as subprocess.Popen."""

Transport: TypeAlias = Sequence[str] | Callable[[str, str], Connected] | None
"""How another machine is reached: None by ssh, a command that gets the host and a command line as its last words, or a
function that gets both and returns the connection."""

# ---- Messages --------------------------------------------------------------------------------------------------------

MAGIC = b"rdc"
VERSION = 1
KIND_REQUEST, KIND_REPLY, KIND_STATUS = 1, 2, 3
HEADER = struct.Struct(">3sBBH")  # magic, version, kind, length of the rest
REQUEST = struct.Struct(">HBBBQB")  # flags, sparse, compression, rounds, the limit of the output, length of a suffix
ANSWER = struct.Struct(">BBH")  # result, flags, notes
FLAG_PUSH, FLAG_TIMES, FLAG_ACCEPT_CHANGED = 1, 4, 32
FLAG_CREATED, FLAG_IDENTICAL = 1, 2
PATH_MAX, TEXT_MAX, ROUNDS_MAX = 4095, 1000, 255


@dataclass(frozen=True)
class Wishes:
    """What this side asks for."""

    push: bool
    path: bytes
    times: bool
    accept_changed: bool
    sparse: int
    compression: int
    max_rounds: int
    max_output: int


@dataclass(frozen=True)
class Answer:
    """How it went on the other side."""

    result: int
    created: bool
    identical: bool
    notes: int
    text: str


def put_request(wishes: Wishes) -> bytes:
    if not 0 < len(wishes.path) <= PATH_MAX or b"\0" in wishes.path:
        raise ParameterError("the name of the file on the other machine is empty, too long, or has a null byte in it")
    flags = FLAG_PUSH * wishes.push | FLAG_TIMES * wishes.times | FLAG_ACCEPT_CHANGED * wishes.accept_changed
    rounds = min(wishes.max_rounds, ROUNDS_MAX)
    level = wishes.compression - _core.COMPRESSION_NEVER
    rest = REQUEST.pack(flags, wishes.sparse, level, rounds, wishes.max_output, 0) + wishes.path
    return HEADER.pack(MAGIC, VERSION, KIND_REQUEST, len(rest)) + rest


def shown(data: bytes) -> str:
    """As text, without what could mislead who reads it."""
    text = data.decode(errors="replace")
    return "".join("\\n" if letter == "\n" else letter if letter.isprintable() else "?" for letter in text)


def get_answer(kind: int, data: bytes) -> tuple[Answer, bytes] | None:
    """The answer of that kind at the start of `data`, and what follows it; None if it is not complete."""
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise BadMagicError(
            f"the other side did not begin with redelta's protocol: '{shown(data[:SHOWN_MAX])}'; "
            "a start-up file of the shell there may print something: make it silent if nobody sees it"
        )
    if len(data) < HEADER.size:
        return None
    _, version, got, length = HEADER.unpack_from(data)
    if version != VERSION:
        raise BadMagicError(
            f"redelta there speaks version {version} of the protocol, and this one version {VERSION}; "
            "install the same version on both machines"
        )
    if got != kind or not ANSWER.size <= length <= ANSWER.size + TEXT_MAX:
        raise CorruptError("what came is not the protocol: an answer of another kind was due")
    rest, after = data[HEADER.size :][:length], data[HEADER.size + length :]
    if len(rest) < length:
        return None
    result, flags, notes = ANSWER.unpack_from(rest)
    if flags & ~(FLAG_CREATED | FLAG_IDENTICAL) or result == _core.MORE:
        raise CorruptError("what came is not the protocol: an answer breaks its rules")
    text = shown(rest[ANSWER.size :])
    return Answer(result, bool(flags & FLAG_CREATED), bool(flags & FLAG_IDENTICAL), notes, text), after


# ---- Streams ---------------------------------------------------------------------------------------------------------


class Connection:
    """To redelta on another machine, by a transport. To be closed."""

    def __init__(self, transport: Transport, host: str, line: str) -> None:
        self.sent = 0
        self.received = 0
        self._process: Any = None
        self._rest = b""  # came, and was not used yet
        self.deaf = False
        """Something was to be sent that nobody took."""
        self._closing = False
        self._status: int | None = None
        made = self._connect(transport, host, line)
        if isinstance(made, tuple):
            self._reader, self._writer = made
        else:
            self._process, self._reader, self._writer = made, made.stdout, made.stdin
        self._write = writer_to(self._writer)
        self._queue: queue.Queue[bytes | BaseException] = queue.Queue(CHUNKS_HELD)
        self._thread = threading.Thread(target=self._run, name="redelta-connection", daemon=True)
        self._thread.start()

    def _connect(self, transport: Transport, host: str, line: str) -> Connected:
        if callable(transport):
            made = transport(host, line)
            if not isinstance(made, tuple) and not (hasattr(made, "stdout") and hasattr(made, "stdin")):
                raise TypeError("transport returned neither two streams nor an object that has stdout and stdin")
            return made
        if isinstance(transport, str):
            raise TypeError("transport is a list of words, or a function, not a str")
        words = ["ssh"] if transport is None else list(transport)
        if not words:  # else the host would be the program
            raise ParameterError("transport is a list without a word: give the command that leads to the host")
        return subprocess.Popen([*words, host, line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def _run(self) -> None:
        """Reads, in a thread of its own."""
        read = getattr(self._reader, "read1", self._reader.read)
        last: bytes | BaseException = b""
        try:
            while data := read(CHUNK):
                self._put(bytes(data))
        except BaseException as failure:
            last = failure
        self._put(last)

    def _put(self, item: bytes | BaseException) -> None:
        while not self._closing:
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.1)
                return

    def receive(self, *, wait: bool = True) -> bytes | None:
        """What has come. Empty: the connection has ended. None: nothing, if this is not to wait."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        try:
            item = self._queue.get(wait)
        except queue.Empty:
            return None
        if isinstance(item, BaseException) or not item:
            self._queue.put(item)  # for who asks again: nothing else is put behind it
        if isinstance(item, BaseException):
            raise item
        self.received += len(item)
        return item

    def give_back(self, data: bytes) -> None:
        """What was received and is not for who received it."""
        self._rest = data + self._rest

    def send(self, data: bytes) -> None:
        """If the other side does not listen any more, what comes from there will tell why."""
        if not data or self._closing:
            return
        try:
            self._write(data)
            if hasattr(self._writer, "flush"):
                self._writer.flush()
            self.sent += len(data)
        except ConnectionError:
            self.deaf = True

    def receive_answer(self, kind: int) -> Answer | None:
        """Waits for an answer of this kind. None: the connection has ended before."""
        data = b""
        while more := self.receive():
            data += more
            if found := get_answer(kind, data):
                answer, rest = found
                self.give_back(rest)
                return answer
        if data:
            get_answer(kind, data + bytes(HEADER.size))  # raises, if it was no answer at all
        return None

    def close(self, *, leave: bool = False) -> int | None:
        """Ends the connection, and gives the status with which its process ended, if it has one and that is known.
        `leave`: a process that does not end is left alone: ssh may carry other connections, and lasts as long."""
        if self._closing:
            return self._status
        self._close_quietly(self._writer)
        lasts = False
        if self._process is not None and hasattr(self._process, "wait"):
            self._status = self._wait(leave)
            lasts = self._status is None
        self._closing = True
        self._thread.join(0 if lasts else PATIENCE)
        if not self._thread.is_alive():  # else it reads, and the stream is left to it
            self._close_quietly(self._reader)
        return self._status

    def _wait(self, leave: bool) -> int | None:
        """The process has nothing more to read, so it ends; if it does not, it is made to, unless it is to be left."""
        for stop in (self._process.terminate, self._process.kill):
            with suppress(subprocess.TimeoutExpired):
                return int(self._process.wait(PATIENCE))
            if leave:
                return None
            stop()
        return int(self._process.wait())

    @staticmethod
    def _close_quietly(stream: Any) -> None:
        with suppress(OSError, ValueError):
            stream.close()


def peer_error(name: str, answer: Answer) -> PeerError:
    """What the other side says of its failure."""
    return PeerError(f"{name!r}: {answer.text or 'it failed there'}", reason=answer.text)
