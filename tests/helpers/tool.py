"""Running a command and checking its outcome.

A test expresses what it expects in one word: `done` (status 0), `fails` (a status and one error line in the documented
form), or `refuses` (a bad command line: status 2 and one line). Every run is also checked for what must never happen:
death by a signal, or a sanitizer's report. A run whose output is a pipe costs no fsync, so most are.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

# A guard against a test run that never ends, long enough for a machine that is slow and busy. It measures nothing.
HANG_SECONDS = 600

SANITIZED = os.environ.get("REDELTA_SANITIZED") == "1"

# What the command was built without on purpose, and the message with which it refuses what needs that.
WITHOUT = os.environ.get("REDELTA_WITHOUT", "").split(",")
REFUSALS = {"zstd": b"redelta was built without zstd"}

Argument = str | bytes | Path
Words = Sequence[Argument]
Input = bytes | int | IO[bytes] | None

ERROR_LINE = re.compile(
    r"redelta: (?P<verb>[a-z]+): (?P<file>.+?): (?P<what>.+?)"
    r"(?:, at byte (?P<offset>\d+))?; (?P<advice>.+)\n"
)
USAGE_LINE = re.compile(r"redelta: .+; .+\n")


@dataclass(frozen=True)
class ErrorLine:
    """The parts of `redelta: VERB: FILE: what is wrong, at byte N; what to do`."""

    verb: str
    file: str
    what: str
    offset: int | None
    advice: str


@dataclass(frozen=True)
class Result:
    """The outcome of a command: its status and its two streams."""

    command: Sequence[str]
    status: int
    out: bytes
    err: bytes

    def describe(self) -> str:
        """What is needed to repeat the run by hand."""
        return f"{' '.join(self.command)}\nstatus {self.status}, standard error:\n{self.err.decode(errors='replace')}"

    def done(self) -> bytes:
        """Asserts success and returns standard output."""
        assert self.status == 0, self.describe()
        return self.out

    def fails(self, status: int) -> ErrorLine:
        """Asserts this status and exactly one error line in the documented form."""
        assert self.status == status, self.describe()
        match = ERROR_LINE.fullmatch(self.err.decode(errors="surrogateescape"))
        assert match is not None, self.describe()
        assert "\n" not in match[0][:-1], self.describe()
        offset = match["offset"]
        return ErrorLine(
            match["verb"], match["file"], match["what"], None if offset is None else int(offset), match["advice"]
        )

    def refuses(self) -> str:
        """Asserts that the command line was refused: status 2, nothing on standard output, one line that says why."""
        assert self.status == 2, self.describe()
        assert self.out == b"", self.describe()
        line = self.err.decode(errors="surrogateescape")
        assert USAGE_LINE.fullmatch(line) is not None, self.describe()
        return line


@dataclass(frozen=True)
class Tool:
    """A command that can be run many times."""

    path: Path

    def run(
        self,
        *args: Argument,
        stdin: Input = None,
        stdout: int | IO[bytes] = subprocess.PIPE,
        cwd: Path | None = None,
        memory: int | None = None,
        cpu: int | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Result:
        """Runs to the end. `stdin` is bytes for a pipe, an open file, or nothing.

        `memory` limits the address space, in bytes, and `cpu` the processor time, in seconds: a command that takes more
        is killed. That is no measurement, but distinguishes what is proportional to its input from what is not.
        """
        words = [os.fsdecode(word) for word in (self.path, *args)]
        given = stdin if isinstance(stdin, bytes) else None
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else subprocess.DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=plain_environment(),
            preexec_fn=limits(memory, cpu),
            pass_fds=pass_fds,
        )
        with process:
            try:
                out, err = process.communicate(given, timeout=HANG_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        result = Result(words, process.returncode, out or b"", err)
        assert_sound(result)
        skip_what_is_left_out(result.err)
        return result

    def start(self, *args: Argument) -> Running:
        """Starts it with pipes for all three streams, for tests that act while it runs. Use it in a `with`."""
        return Running([os.fsdecode(word) for word in (self.path, *args)])


class Running:
    """A command that has been started. Leaving the `with` ends it in any case."""

    def __init__(self, words: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            words, stdin=pipe, stdout=pipe, stderr=pipe, env=plain_environment(), preexec_fn=heed_signals
        )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self.process.wait()

    def feed(self, data: bytes) -> None:
        """Writes to its standard input, and leaves that open."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def end_input(self) -> None:
        """Closes its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def read_some(self) -> bytes:
        """Reads a byte of its standard output, and closes that."""
        assert self.process.stdout is not None
        data = self.process.stdout.read(1)
        self.process.stdout.close()
        return data

    def error_text(self) -> bytes:
        """All that it writes to standard error, until it closes that."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def status(self) -> int:
        """Its status when it ends by itself; the negative number of the signal that ended it."""
        return self.process.wait(HANG_SECONDS // 4)


def shell(script: str, *args: Argument) -> Result:
    """Runs a line of shell with `args` as $1, $2 and so on: for redirections that only a shell can make."""
    words = ["sh", "-c", script, "sh", *(os.fsdecode(word) for word in args)]
    finished = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=plain_environment(),
        timeout=HANG_SECONDS,
        check=False,
    )
    result = Result(words, finished.returncode, finished.stdout, finished.stderr)
    assert_sound(result)
    return result


def plain_environment() -> dict[str, str]:
    """This environment with English messages, and without variables that change how options are read."""
    return {name: value for name, value in os.environ.items() if name != "POSIXLY_CORRECT"} | {"LC_ALL": "C"}


def limits(memory: int | None, cpu: int | None) -> Callable[[], None] | None:
    """For a child: limits of address space and processor time, or None if there are none.

    A sanitizer's shadow does not fit in any limit of the address space, so that is not limited then, and it is slow.
    """

    def apply() -> None:
        if memory is not None and not SANITIZED:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        if cpu is not None:
            seconds = 10 * cpu if SANITIZED else cpu
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    return None if memory is None and cpu is None else apply


def heed_signals() -> None:
    """For a child: no signal is ignored, even if the tests themselves run under nohup or in the background."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def skip_what_is_left_out(said: bytes) -> None:
    """Ends the test if it needs what this build does not have."""
    for part, refusal in REFUSALS.items():
        if part in WITHOUT and refusal in said:
            pytest.skip(f"built without {part}")


def assert_sound(result: Result) -> None:
    """No death by a signal and no sanitizer's report, whatever else was expected."""
    assert result.status >= 0, result.describe()
    for mark in (b"Sanitizer", b"runtime error:"):
        assert mark not in result.err, result.describe()
