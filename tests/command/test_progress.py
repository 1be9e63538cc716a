"""Progress on standard error: when the line appears, its text, and that it disappears without a trace.

A terminal is a pseudo-terminal with a small screen that knows what the line needs: characters, and the carriage return.
Anything else that it receives, such as an escape sequence, is a failure.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import HANG_SECONDS, Argument, Tool, Words, heed_signals, plain_environment

LINE = re.compile(
    r"(?P<step>[a-z]+):  (?:(?P<share>  \d| \d\d|100) %   *(?P<part>[\d.]+ [kMG]?B) of (?P<total>[\d.]+ [kMG]?B)"
    r"| *(?P<done>[\d.]+ [kMG]?B))(?:   *(?P<rate>[\d.]+ [kMGT]?B/s)(?:  (?P<left>[\d:]+ left)|  (?P<time>[\d:]+))?)? *"
)


@dataclass
class Terminal:
    """What a person sees: the current line, and each line that a carriage return ended."""

    width: int = 80
    shown: list[str] = field(default_factory=list)
    raw: bytes = b""
    _line: list[str] = field(default_factory=list)
    _column: int = 0

    def take(self, data: bytes) -> None:
        self.raw += data
        for letter in data.decode():
            if letter in "\r\n":
                self.shown.append("".join(self._line).rstrip())
                self._column = 0
                if letter == "\n":
                    self._line = []
                continue
            assert letter >= " ", self.raw
            self._line[self._column : self._column + 1] = [letter]
            self._column += 1

    @property
    def rest(self) -> str:
        """The text of the line now."""
        return "".join(self._line).rstrip()

    def lines(self) -> list[re.Match[str]]:
        """The lines of progress that were seen, all of them well formed, and nothing is left of them."""
        assert self.rest == "", self.raw
        assert all(len(line) < self.width for line in self.shown), "the last column is written to"
        matches = [LINE.fullmatch(line) for line in self.shown if line]
        assert None not in matches, self.raw
        return [match for match in matches if match]


class Session:
    """The command with standard error on a terminal. Its standard input is a pipe."""

    def __init__(self, words: Sequence[Argument], width: int, environment: dict[str, str]) -> None:
        self.terminal = Terminal(width)
        self.main, screen = os.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        attributes = termios.tcgetattr(screen)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(screen, termios.TCSANOW, attributes)
        self.process = subprocess.Popen(
            [os.fsdecode(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=screen,
            env=plain_environment() | environment,
            preexec_fn=heed_signals,
        )
        os.close(screen)

    def feed_until(self, done: Callable[[], bool], chunk: bytes = bytes(1 << 16)) -> None:
        """Writes to its standard input, slowly, until something is so."""
        assert self.process.stdin is not None
        limit = time.monotonic() + HANG_SECONDS
        while not done():
            assert time.monotonic() < limit
            self.process.stdin.write(chunk)
            self.process.stdin.flush()
            self.watch(0.02)

    def watch(self, seconds: float) -> bool:
        """Reads from the terminal for this long. False: it is closed."""
        if not select.select([self.main], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.main, 65536)
        except OSError:  # Linux returns EIO when nobody has the other end open
            data = b""
        self.terminal.take(data)
        return data != b""

    def end_input(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def finish(self) -> int:
        """Ends its input and reads until it is done."""
        self.end_input()
        while self.watch(HANG_SECONDS):
            pass
        return self.process.wait(HANG_SECONDS)


@contextlib.contextmanager
def session(*words: Argument, width: int = 80, environment: dict[str, str] | None = None) -> Iterator[Session]:
    made = Session(words, width, environment or {})
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        made.end_input()
        os.close(made.main)


def seen(it: Session, count: int = 1) -> Callable[[], bool]:
    """Whether this many lines were seen on the terminal."""
    return lambda: len([line for line in it.terminal.shown if line]) >= count


@pytest.fixture
def small(redelta: Tool, tmp_path: Path) -> Path:
    """A folder with small files for every verb."""
    basis = noise(100_000, 1)
    for name, data in {"basis": basis, "old": basis, "new": basis[:50_000] + b"inserted" + basis[50_000:]}.items():
        (tmp_path / name).write_bytes(data)
    redelta.run("signature", tmp_path / "basis", tmp_path / "signature").done()
    redelta.run("delta", tmp_path / "signature", tmp_path / "new", tmp_path / "delta").done()
    return tmp_path


def every_verb(small: Path) -> dict[str, Words]:
    f = small
    return {
        "signature": ["signature", f / "basis", f / "out1"],
        "delta": ["delta", f / "signature", f / "new", f / "out2"],
        "patch": ["patch", f / "basis", f / "delta", f / "out3"],
        "verify": ["verify", f / "delta", f / "new"],
        "sync": ["sync", f / "new", f / "old"],
    }


# ---- When -----------------------------------------------------------------------------------------------------------


def test_nothing_is_shown_of_what_is_quick(redelta: Tool, small: Path) -> None:
    for words in every_verb(small).values():
        start = time.monotonic()
        with session(redelta.path, *words) as it:
            assert it.finish() == 0
            assert it.terminal.raw == b"" or time.monotonic() - start >= 0.5  # on a machine on which it was not


def test_a_line_comes_after_a_while_and_goes_at_the_end(redelta: Tool, tmp_path: Path) -> None:
    start = time.monotonic()
    with session(redelta.path, "signature", "-", tmp_path / "out") as it:
        it.feed_until(seen(it, 3))
        assert time.monotonic() - start >= 0.5
        assert it.finish() == 0
        lines = it.terminal.lines()
    assert {line["step"] for line in lines} == {"signature"}
    assert all(line["done"] and line["rate"] and line["time"] and not line["share"] for line in lines)


def test_every_verb_shows_its_steps_if_it_is_asked_for(redelta: Tool, small: Path) -> None:
    steps = {"delta": {"signature", "delta"}, "sync": {"signature", "update"}}
    for verb, words in every_verb(small).items():
        with session(redelta.path, "--progress", *words) as it:
            assert it.finish() == 0
            lines = it.terminal.lines()
        assert lines
        assert {line["step"] for line in lines} <= steps.get(verb, {verb})
        assert all(line["share"] and (line["left"] or line["part"] == "0 B") for line in lines)


def test_the_share_is_that_of_the_bytes(redelta: Tool, small: Path) -> None:
    with session(redelta.path, "--progress", "verify", small / "delta", small / "new") as it:
        assert it.finish() == 0
        lines = it.terminal.lines()
    assert lines[0]["total"] == "100 kB"


@pytest.mark.parametrize("options", [["-q"], ["--no-progress"], ["-q", "--progress"], ["--progress", "--no-progress"]])
def test_nothing_is_shown_if_it_is_not_wanted(redelta: Tool, tmp_path: Path, options: list[str]) -> None:
    with session(redelta.path, *options, "signature", "-", tmp_path / "out") as it:
        end = time.monotonic() + 1
        it.feed_until(lambda: time.monotonic() > end)
        assert it.finish() == 0
        assert it.terminal.raw == b""


def test_nothing_is_shown_where_nobody_looks(redelta: Tool, tmp_path: Path) -> None:
    with redelta.start("signature", "-", tmp_path / "out") as running:
        for _ in range(10):
            running.feed(bytes(1 << 20))
            time.sleep(0.1)
        running.end_input()
        assert running.error_text() == b""
        assert running.status() == 0


def test_forced_progress_goes_anywhere(redelta: Tool, small: Path) -> None:
    result = redelta.run("--progress", "signature", small / "basis")
    result.done()
    terminal = Terminal(101)
    terminal.take(result.err)
    assert terminal.lines()


def test_records_on_standard_output_are_instead_of_the_line(redelta: Tool, small: Path) -> None:
    redelta.run("verify", "--json", small / "delta", small / "new").done()
    with session(redelta.path, "--progress", "--json", "verify", small / "delta", small / "new") as it:
        assert it.finish() == 0
        assert it.terminal.raw == b""
    with session(redelta.path, "--progress", f"--json={small}/log", "verify", small / "delta", small / "new") as it:
        assert it.finish() == 0
        assert it.terminal.lines()


# ---- How ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [200, 80, 40, 20, 10, 2, 1])
def test_the_line_fits_the_terminal(redelta: Tool, tmp_path: Path, width: int) -> None:
    with session(redelta.path, "--progress", "signature", "-", tmp_path / "out", width=width) as it:
        it.feed_until(seen(it, 2) if width > 20 else lambda: True)
        assert it.finish() == 0
        assert it.terminal.rest == ""
        assert max((len(line) for line in it.terminal.shown), default=0) < width


def test_the_parts_of_the_line_stay_in_their_places(redelta: Tool, tmp_path: Path) -> None:
    """Whatever the number of digits: from some kB on to MB."""
    with session(redelta.path, "--progress", "signature", "-", tmp_path / "out") as it:
        it.feed_until(seen(it, 10))
        assert it.finish() == 0
        lines = it.terminal.lines()
    assert len({len(line["done"]) for line in lines}) > 1
    assert len({line.end("done") for line in lines}) == 1
    assert len({line.end("rate") for line in lines}) == 1


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm-256color"}])
def test_the_line_has_no_colours(redelta: Tool, small: Path, environment: dict[str, str]) -> None:
    words = every_verb(small)["verify"]
    with session(redelta.path, "--progress", *words, environment=environment) as it:
        assert it.finish() == 0
        assert it.terminal.lines()
        assert b"\x1b" not in it.terminal.raw


def test_messages_begin_in_an_empty_line(redelta: Tool, small: Path) -> None:
    (small / "bad").write_bytes((small / "delta").read_bytes()[:-80])
    with session(redelta.path, "--progress", "-s", "-v", *every_verb(small)["delta"]) as it:
        assert it.finish() == 0
        texts = [line for line in it.terminal.shown if line and not LINE.fullmatch(line)]
        assert texts[0].startswith("redelta: delta: signature of")
        assert texts[2].startswith("signature  ")
    with session(redelta.path, "--progress", "patch", small / "basis", small / "bad", small / "out") as it:
        assert it.finish() == 3
        assert it.terminal.rest == ""
        (text,) = [line for line in it.terminal.raw.decode().split("\n") if line]
        assert text.split("\r")[-1].startswith("redelta: patch: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_clears_the_line(redelta: Tool, tmp_path: Path, number: signal.Signals) -> None:
    with session(redelta.path, "signature", "-", tmp_path / "out") as it:
        it.feed_until(seen(it))
        it.process.send_signal(number)
        while it.watch(HANG_SECONDS):
            pass
        assert it.process.wait(HANG_SECONDS) == -number
        message = it.terminal.shown[-1]
    assert message.startswith(f"redelta: signature: {tmp_path}/out: interrupted by a signal")
    assert it.terminal.rest == ""
    assert not (tmp_path / "out").exists()
