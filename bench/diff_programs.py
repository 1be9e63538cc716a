"""The programs that bench/versus-diff compares: how each makes a delta with both files at hand, and how it applies it.

Each is given what its users would give it for the smallest and fastest result that its level allows: xdelta3 a window
as long as the old file, zstd the longest window that it knows. Where a program cannot do a pair at all, or only in more
memory or time than anybody would give it, the reason is told instead of a figure.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from measuring import PROGRAM

BSDIFF_MOST = 64 << 20  # bytes of the old file: bsdiff takes 17 times as much memory
ZSTD_19_MOST = 512 << 20  # it takes minutes, and more memory than the machine may have
XDELTA_WINDOW_MOST = (1 << 31) - 1  # beyond, -B is refused, or ends in a crash
XDELTA_WINDOW_LEAST = 1 << 14
RDIFF_BLOCKS = (256, 1024, 4096, 16384)

Command = list[str]


@dataclass(frozen=True)
class Task:
    """A pair, and where a program puts what it makes."""

    old: Path
    new: Path
    work: Path
    threads: int = 0  # 0: all

    @property
    def delta(self) -> Path:
        return self.work / "delta"

    @property
    def signature(self) -> Path:
        return self.work / "signature"

    @property
    def patched(self) -> Path:
        return self.work / "patched"


@dataclass(frozen=True)
class Program:
    """One row of the table. `ways` are those among which that with the least to send is chosen, in the first round."""

    name: str
    ours: bool = False
    ways: Sequence[str] = ("",)

    def name_of(self, way: str) -> str:
        """The name in a table, which tells the way if there are several."""
        return self.name

    @property
    def short(self) -> str:
        """For the title of a column; rdiff's signature is part of what it takes."""
        return self.name.removeprefix("redelta ") if self.ours else self.name

    @property
    def executable(self) -> str:
        return PROGRAM if self.ours else self.name.split()[0]

    def needs(self) -> Iterable[str]:
        """The programs without which it cannot run."""
        return (self.executable,)

    def refuses(self, task: Task) -> str:
        """Why it is not run on this pair; empty: it is."""
        return ""

    def make(self, task: Task, way: str) -> list[Command]:
        """The commands that make the delta, one after the other."""
        raise NotImplementedError

    def apply(self, task: Task) -> Command:
        raise NotImplementedError

    def also_apply(self, task: Task) -> Command | None:
        """Another program that must make the same of the delta."""
        return None


@dataclass(frozen=True)
class Diff(Program):
    """redelta itself."""

    options: tuple[str, ...] = ()
    ours: bool = True

    def make(self, task: Task, way: str) -> list[Command]:
        files = (str(task.old), str(task.new), str(task.delta))
        return [[PROGRAM, "diff", *self.options, "-T", str(task.threads), *files]]

    def apply(self, task: Task) -> Command:
        return [PROGRAM, "patch", "-T", str(task.threads), str(task.old), str(task.delta), str(task.patched)]

    def also_apply(self, task: Task) -> Command | None:
        if self.options or not shutil.which("rdiff"):
            return None
        return ["rdiff", "patch", str(task.old), str(task.delta), str(task.patched)]


@dataclass(frozen=True)
class Rdiff(Program):
    """A signature, and a delta from that: what there is without `diff`. The signature's bytes are told apart."""

    ways: Sequence[str] = field(default=tuple(map(str, RDIFF_BLOCKS)))

    def make(self, task: Task, way: str) -> list[Command]:
        signature = ["rdiff", "-b", way, "signature", str(task.old), str(task.signature)]
        return [signature, ["rdiff", "delta", str(task.signature), str(task.new), str(task.delta)]]

    def name_of(self, way: str) -> str:
        return f"{self.name} -b {way}"

    def apply(self, task: Task) -> Command:
        return ["rdiff", "patch", str(task.old), str(task.delta), str(task.patched)]


@dataclass(frozen=True)
class Xdelta(Program):
    level: int = 1

    def make(self, task: Task, way: str) -> list[Command]:
        files = [str(task.new), str(task.delta)]
        return [["xdelta3", "-e", "-q", f"-{self.level}", "-B", self.window(task), "-s", str(task.old), *files]]

    def apply(self, task: Task) -> Command:
        made = [str(task.delta), str(task.patched)]
        return ["xdelta3", "-d", "-q", "-B", self.window(task), "-s", str(task.old), *made]

    @staticmethod
    def window(task: Task) -> str:
        return str(min(max(task.old.stat().st_size, XDELTA_WINDOW_LEAST), XDELTA_WINDOW_MOST))


@dataclass(frozen=True)
class Zstd(Program):
    level: int = 3

    def refuses(self, task: Task) -> str:
        if self.level >= 19 and task.old.stat().st_size > ZSTD_19_MOST:
            return f"not run on more than {ZSTD_19_MOST >> 20} MiB, which takes it many minutes"
        return ""

    def make(self, task: Task, way: str) -> list[Command]:
        words = [f"-{self.level}", f"--patch-from={task.old}", str(task.new), "-o", str(task.delta)]
        return [["zstd", "-q", "--long=31", *words]]

    def apply(self, task: Task) -> Command:
        files = (f"--patch-from={task.old}", str(task.delta), "-o", str(task.patched))
        return ["zstd", "-d", "-q", "--long=31", "--memory=2048MB", *files]


@dataclass(frozen=True)
class Bsdiff(Program):
    def needs(self) -> Iterable[str]:
        return ("bsdiff", "bspatch")

    def refuses(self, task: Task) -> str:
        if task.old.stat().st_size > BSDIFF_MOST:
            return f"not run on more than {BSDIFF_MOST >> 20} MiB: it takes 17 times the memory of the old file"
        return ""

    def make(self, task: Task, way: str) -> list[Command]:
        return [["bsdiff", str(task.old), str(task.new), str(task.delta)]]

    def apply(self, task: Task) -> Command:
        return ["bspatch", str(task.old), str(task.patched), str(task.delta)]


REFERENCE = "redelta diff -z"  # what the others are compared with

PROGRAMS: tuple[Program, ...] = (
    Diff("redelta diff"),
    Diff(REFERENCE, options=("-z",)),
    Diff("redelta diff -z19", options=("-z19",)),
    Diff("redelta diff --dense", options=("--dense",)),
    Xdelta("xdelta3 -1", level=1),
    Xdelta("xdelta3 -9", level=9),
    Zstd("zstd -3", level=3),
    Zstd("zstd -19", level=19),
    Bsdiff("bsdiff"),
    Rdiff("rdiff"),
)

OTHERS = [each.name_of(way) for each in PROGRAMS if not each.ours for way in each.ways]


def chosen(only: Sequence[str]) -> list[Program]:
    """Those of these names; the first word names all of a program's levels. Raises LookupError."""
    found = [each for each in PROGRAMS if not only or each.name in only or each.name.split()[0] in only]
    known = {name for each in PROGRAMS for name in (each.name, each.name.split()[0])}
    unknown = sorted(set(only) - known)
    if unknown:
        raise LookupError(f"no program is named {', '.join(unknown)}: there are {', '.join(p.name for p in PROGRAMS)}")
    return found


def lacking(program: Program) -> str:
    """Which of its executables are not installed; empty: all are."""
    missing = [name for name in program.needs() if not shutil.which(name)]
    return f"{', '.join(missing)} not installed" if missing else ""
