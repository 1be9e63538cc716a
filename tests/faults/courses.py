"""What the tests with faults share: the command lines, the interposer, and the checks of the outcome.

A course is a command line that makes one file, or none. It runs in a folder with its inputs; the output is in a folder
of its own, `d`, where nothing else may remain. Whatever fails, and whenever: status 0 and the new file, whole, or
another status and the old one, whole (or none, if there was none).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from helpers.places import attributes, set_access_list
from helpers.samples import noise
from helpers.tool import ERROR_LINE, HANG_SECONDS, WITHOUT, Result, assert_sound, plain_environment

# If the kernel has no fast path, these calls fail in this way.
NAMED = f"unnamed:*:{errno.EOPNOTSUPP}"
IO_STATUS = {"redelta": 1, "rdiff": 100}
MEMORY_STATUSES = {"redelta": (1,), "rdiff": (100, 102)}  # the first where it is opening the output that lacks it
OUTPUT_MODE = 0o640
CLOCK_REALTIME_COARSE = 5  # of Linux; Python has no name for it


@dataclass(frozen=True)
class Course:
    """A command line that makes `makes` (None: it only reads) where `replaces` is, or nothing (None)."""

    tool: str
    words: tuple[str, ...]
    makes: str | None
    replaces: str | None
    stdin: str | None = None

    def __str__(self) -> str:
        return "_".join((self.tool, *self.words, *([self.stdin] if self.stdin else []))).replace("/", ".")


OUT = "d/out"
KEPT_NAME = re.compile(r"\.redelta-[0-9a-f]{16}")
WARNING_LINE = re.compile(
    rf"redelta: [a-z]+: {OUT}: warning: (it|some).+|librsync: WARNING: \([a-z]+\) {OUT}: (it|some).+"
)

COURSES = [
    Course("redelta", ("signature", "-T1", "basis", OUT), "recommended", None),  # by the size of the basis
    Course("redelta", ("signature", "-T1", "-b2K", "-f", "basis", OUT), "signature", "old"),
    Course("redelta", ("delta", "-T1", "signature", "new", OUT), "delta", None),
    Course("redelta", ("delta", "-T1", "-f", "signature", "new", OUT), "delta", "old"),
    Course("redelta", ("patch", "-T1", "basis", "delta", OUT), "new", None),
    Course("redelta", ("patch", "-T1", "-f", OUT, "delta", OUT), "new", "basis"),
    Course("redelta", ("patch", "-T1", "-f", "--no-verify", OUT, "delta", OUT), "new", "basis"),
    Course("redelta", ("sync", "-q", "-T1", "new", OUT), "new", "basis"),
    Course("redelta", ("sync", "-q", "-T1", "new", OUT), "new", None),
    Course("redelta", ("sync", "-q", "-T1", "sibling", OUT), "sibling", "basis"),  # of one size: they are compared
    Course("redelta", ("diff", "-T1", "basis", "new", OUT), "difference", None),
    Course("redelta", ("diff", "-T1", "-f", "basis", "new", OUT), "difference", "old"),
    Course("redelta", ("merge", "-T1", "-f", "-o", OUT, "difference", "second"), "merged", "old"),
    Course("redelta", ("reverse", "-T1", "basis", "difference", OUT), "reversed", None),
    Course("rdiff", ("-b2048", "signature", "basis", OUT), "signature", None),
    Course("rdiff", ("-f", "delta", "signature", "new", OUT), "bare", "old"),
    Course("rdiff", ("patch", "basis", "delta", OUT), "new", None),
    Course("rdiff", ("-f", "patch", OUT, "delta", OUT), "new", "basis"),
]
COMPRESSED = [
    Course("redelta", ("signature", "-T1", "-z", "-b2K", "basis", OUT), "signature.zst", None),
    Course("redelta", ("delta", "-T1", "-z", "-f", "signature.zst", "new", OUT), "delta.zst", "old"),
    Course("redelta", ("diff", "-T1", "--dense", "-z3", "-f", "basis", "new", OUT), "dense", "old"),
    Course("redelta", ("expand", "-T1", "basis", "dense", OUT), "expanded", None),
    Course("redelta", ("patch", "-T1", "basis", "dense", OUT), "new", None),
    Course("redelta", ("patch", "-T1", "basis", "delta.zst", OUT), "new", None),
    Course("redelta", ("patch", "-T1", "-f", OUT, "delta.zst", OUT), "new", "basis"),
]
FROM_PIPES = [
    Course("redelta", ("signature", "-T1", "-b2K", "-", OUT), "signature", None, "basis"),
    Course("redelta", ("patch", "-T1", "-f", OUT, "-", OUT), "new", "basis", "delta"),
    Course("redelta", ("sync", "-q", "-T1", "-", OUT), "new", "basis", "new"),
]
FROM_COMPRESSED_PIPES = [Course("redelta", ("patch", "-T1", "-f", OUT, "-", OUT), "new", "basis", "delta.zst")]
READING = [Course("redelta", ("verify", "-T1", "delta", OUT), None, "new")]
READING_COMPRESSED = [Course("redelta", ("verify", "-T1", "delta.zst", OUT), None, "new")]

HAS_ZSTD = "zstd" not in WITHOUT
WRITING = COURSES + (COMPRESSED if HAS_ZSTD else [])
ALL = WRITING + FROM_PIPES + READING + (FROM_COMPRESSED_PIPES + READING_COMPRESSED if HAS_ZSTD else [])

TALLY: Counter[tuple[str, str]] = Counter()
"""How often each outcome occurred, by test: docs/security.md has these figures."""


def tally(what: str, count: int = 1) -> None:
    """Counts for the test that runs."""
    test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].partition("[")[0].partition(" ")[0]
    TALLY[test, what] += count


way = pytest.mark.parametrize("way", ["", NAMED], ids=["unnamed", "named"])
course = pytest.mark.parametrize("course", WRITING, ids=str)
any_course = pytest.mark.parametrize("course", ALL, ids=str)


class Place:
    """A folder with the inputs of all courses, made with stock rdiff, and the commands' outputs."""

    def __init__(self, folder: Path, tools: dict[str, Path], size: int, hole: int = 0) -> None:
        """The inputs have a hole of that many bytes."""
        self.folder = folder
        self.tools = tools
        self.d = folder / "d"
        self.d.mkdir(parents=True)
        self.log = folder / "log"
        basis = noise(size, 1)
        half = size // 2
        basis = basis[:half] + bytes(hole) + basis[half:]
        self.files = {"basis": basis, "new": basis[:half] + noise(size // 100 + 1, 2) + basis[half:], "old": b"old\n"}
        self.files["sibling"] = basis[:-1] + bytes([basis[-1] ^ 1])
        for name, data in self.files.items():
            write_sparse(folder / name, data)
        self._make("rdiff", "-b2048", "signature", "basis", "signature")
        self._make("rdiff", "signature", "basis", "recommended")
        self._make(tools["redelta"], "delta", "signature", "new", "delta")
        self._make(tools["rdiff"], "delta", "signature", "new", "bare")
        self._make(tools["redelta"], "diff", "basis", "new", "difference")
        self._make(tools["redelta"], "diff", "new", "sibling", "second")
        self._make(tools["redelta"], "merge", "difference", "second", "-o", "merged")
        self._make(tools["redelta"], "reverse", "basis", "difference", "reversed")
        self._make("rdiff", "patch", "basis", "delta", "made")
        assert self.files["made"] == self.files["new"]
        if HAS_ZSTD:
            self._make_compressed()

    def _make_compressed(self) -> None:
        """zstd decompresses them to the files that exist already."""
        self._make(self.tools["redelta"], "signature", "-z", "-b2048", "basis", "signature.zst")
        self._make(self.tools["redelta"], "delta", "-z", "signature", "new", "delta.zst")
        self._make(self.tools["redelta"], "diff", "--dense", "-z3", "basis", "new", "dense")
        self._make(self.tools["redelta"], "expand", "basis", "dense", "expanded")
        zstd = shutil.which("zstd")
        assert zstd is not None, "zstd is not installed (Debian package zstd)"
        for name in ("signature", "delta"):
            self._make(zstd, "-dq", f"{name}.zst", "-o", "plain")
            (self.folder / "plain").unlink()
            assert self.files["plain"] == self.files[name]

    def _make(self, *words: str | Path) -> None:
        subprocess.run(words, cwd=self.folder, check=True, timeout=HANG_SECONDS)
        self.files[str(words[-1])] = (self.folder / words[-1]).read_bytes()

    def prepare(self, course: Course) -> None:
        """Restores the output's folder to the state before the course."""
        self.log.unlink(missing_ok=True)
        for name in os.listdir(self.d):
            (self.d / name).unlink()
        self.restore(course)

    def restore(self, course: Course) -> None:
        """Gives the output the state before the course, and leaves what else is in its folder."""
        (self.d / "out").unlink(missing_ok=True)
        if course.replaces is not None:
            out = self.d / "out"
            write_sparse(out, self.files[course.replaces])
            out.chmod(OUTPUT_MODE)
            wait_for_next_tick(out)

    def environment(self, faults: str = "", room: int | None = None) -> dict[str, str]:
        """The environment of a command that meets these faults."""
        environment = plain_environment() | {"LD_PRELOAD": os.environ["REDELTA_INTERPOSER"]}
        environment |= {"REDELTA_FAULTS": faults, "REDELTA_FAULTS_LOG": str(self.log)}
        return environment if room is None else environment | {"REDELTA_FAULTS_ROOM": str(room)}

    def run(self, course: Course, faults: str = "", room: int | None = None, killed: bool = False) -> Result:
        """Runs a course; the log has the faults that it met."""
        logged = len(self.logged())
        words = [str(self.tools[course.tool]), *course.words]
        stdin = None if course.stdin is None else self.files[course.stdin]
        finished = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment(faults, room),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        result = Result((f"REDELTA_FAULTS='{faults}'", *words), finished.returncode, finished.stdout, finished.stderr)
        if not killed:
            assert_sound(result)
        met = [line for line in self.logged()[logged:] if line != "unnamed" or NAMED not in faults]
        tally("faults", len(met))
        tally("runs with faults", len(met) > 0)
        return result

    def logged(self) -> list[str]:
        """The calls that had a fault."""
        return [line for line in self._log_lines() if not line.startswith("calls ")]

    def ended(self) -> bool:
        """Did the last run end by itself?"""
        return any(line.startswith("calls ") for line in self._log_lines())

    def calls(self) -> int:
        """How many calls the last run made."""
        return int(self._log_lines()[-1].removeprefix("calls "))

    def _log_lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def count(self, course: Course, way: str) -> int:
        """The calls of a run without further faults, which must succeed."""
        self.judge_done(course, way)
        return self.calls()

    # ---- The judgement ----------------------------------------------------------------------------------------------

    def content(self, course: Course) -> str:
        """`new` or `old`, by the content of the output; anything else is a failure."""
        out = self.d / "out"
        if not out.exists():
            assert course.replaces is None, "the old file is gone"
            return "old"
        data = out.read_bytes()
        if course.replaces is not None:
            assert out.stat().st_mode & 0o7777 & ~OUTPUT_MODE == 0
            if data == self.files[course.replaces]:
                return "old"
        assert course.makes is not None, "the file is another"
        assert data == self.files[course.makes], "neither the old file nor the new one"
        return "new"

    def left(self) -> list[str]:
        """The other files in the output's folder."""
        return [name for name in os.listdir(self.d) if name != "out"]

    def take_kept(self, course: Course) -> None:
        """Removes what no run removes, each whole: two files that change places have no names that are swept."""
        for name in self.left():
            if KEPT_NAME.fullmatch(name):
                assert (self.d / name).read_bytes() in (
                    self.files.get(each or "") for each in (course.replaces, course.makes)
                )
                (self.d / name).unlink()

    def judge_file(self, course: Course, result: Result) -> bool:
        """Was the course done? Status and file must agree, and nothing may be left."""
        about = result.describe()
        assert self.left() == [], about
        done = result.status == 0
        assert self.content(course) == ("new" if done and course.makes else "old"), about
        if done:
            self._judge_warnings(course, result)
        return done

    def _judge_warnings(self, course: Course, result: Result) -> None:
        """What the file lacks is told, and nothing else; a fault may have kept its mode from being set."""
        warnings = result.err.decode().splitlines()
        for line in warnings:
            assert WARNING_LINE.fullmatch(line), result.describe()
        if course.replaces is not None and not warnings and "-q" not in course.words:
            assert (self.d / "out").stat().st_mode & 0o7777 == OUTPUT_MODE, result.describe()

    def judge(self, course: Course, result: Result) -> bool:
        """The same, and a failure must be one of input or output, and name a file."""
        done = self.judge_file(course, result)
        if not done:
            assert result.status == IO_STATUS[course.tool], result.describe()
            assert names_a_file(course, result.err), result.describe()
        return done

    def judge_done(self, course: Course, faults: str) -> None:
        """Runs a course with faults that must not matter."""
        self.prepare(course)
        result = self.run(course, faults)
        assert self.judge(course, result), result.describe()


def write_sparse(path: Path, data: bytes) -> None:
    """Writes a file without its pages of zeros, which become holes."""
    page = 4096
    with path.open("wb") as file:
        for at in range(0, len(data), page):
            chunk = data[at : at + page]
            if chunk.count(0) < page:
                file.seek(at)
                file.write(chunk)
        file.truncate(len(data))


class FurnishedPlace(Place):
    """The file that is replaced has an access list and attributes, which the new one gets."""

    LIST = ("u:2001:rw", "g:2002:r", "g::-")
    ATTRIBUTES = MappingProxyType({"user.one": b"1", "user.two": bytes(range(100))})

    def prepare(self, course: Course) -> None:
        super().prepare(course)
        out = self.d / "out"
        if course.replaces is not None:
            set_access_list(out, *self.LIST)
            for name, value in self.ATTRIBUTES.items():
                os.setxattr(out, name, value)
            out.chmod(OUTPUT_MODE)
            wait_for_next_tick(out)
            self.furniture = self._furniture()

    def _furniture(self) -> dict[str, bytes]:
        """The access list as the kernel shows it, and the attributes."""
        out = self.d / "out"
        return {name: os.getxattr(out, name) for name in ("system.posix_acl_access", *attributes(out))}

    def judge_file(self, course: Course, result: Result) -> bool:
        """As of a plain place; and the new file has all that the old one had, or the command says that it has not."""
        about = result.describe()
        done = result.status == 0
        warned = b"warning" in result.err.lower() or "-q" in course.words
        assert self.left() == [], about
        assert self.content(course) == ("new" if done and course.makes else "old"), about
        assert course.replaces is None or self.keeps_all() or (done and warned), about
        assert not done or result.err == b"" or warned, about
        return done

    def keeps_all(self) -> bool:
        """Has the output the access list and the attributes of the old file?"""
        try:
            return self._furniture() == self.furniture
        except OSError:
            return False


def wait_for_next_tick(path: Path) -> None:
    """A command waits for it, too, if its input was written to in the present one, and then makes more calls."""
    while path.stat().st_ctime_ns >= time.clock_gettime_ns(CLOCK_REALTIME_COARSE):
        time.sleep(0.001)


def names_a_file(course: Course, message: bytes) -> bool:
    """Is it a message in the form of its tool, about one of the course's files?"""
    text = message.decode()
    names = [word for word in course.words if not word.startswith("-")] + ["standard input"]
    if course.tool == "redelta":
        match = ERROR_LINE.fullmatch(text)
        return match is not None and match["file"] in names
    return text.startswith("librsync: ERROR: ") and any(name in text for name in names)


def os_message(number: int) -> bytes:
    """What the message of a failed call must hold."""
    return os.strerror(number).encode()
