"""What bench/all measures: its jobs, each a call of another script, with what they need and how long they take."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measuring import ROOT
from synthetic import NAMES

MD4 = "-H md4 -R rollsum -S 8 -b 2048"

REAL_PAIRS = (("typescript", "TypeScript", 60), ("linux", "Linux", 300))  # and seconds
Words = tuple[str | int | Path, ...]


@dataclass(frozen=True)
class Scale:
    """How large the data is, and how often each step runs."""

    quick: bool = False
    megabytes: int = 1024  # of the synthetic files
    runs: int = 3


@dataclass(frozen=True)
class Job:
    name: str  # of the script, for --only
    table: str  # its first one
    what: str
    command: Words
    seconds: float  # about
    needs: tuple[str, ...] = ()  # reasons why it cannot run; empty: it can
    python: str = sys.executable


def size(megabytes: int) -> str:
    return f"{megabytes // 1024:,} GiB" if megabytes % 1024 == 0 else f"{megabytes} MiB"


def lacking(*programs: str) -> tuple[str, ...]:
    return tuple(f"{program} is not installed" for program in programs if not shutil.which(program))


def python_with_package() -> str | None:
    """An interpreter that has redelta: that of scripts/test, or ours."""
    for python in (str(ROOT / "build/wheel-venv/bin/python"), sys.executable):
        found = shutil.which(python) and subprocess.run([python, "-c", "import redelta"], capture_output=True)
        if found and found.returncode == 0:
            return python
    return None


def lacking_modules(python: str, *modules: str) -> tuple[str, ...]:
    """Those that an interpreter does not find."""
    find = "import importlib.util, sys; print(*(name for name in sys.argv[1:] if not importlib.util.find_spec(name)))"
    found = subprocess.run([python, "-c", find, *modules], capture_output=True, text=True, check=True)
    return tuple(f"{python} has no module {name}" for name in found.stdout.split())


def real_pair(data: Path, name: str) -> tuple[Path, Path] | None:
    """The oldest and the newest version of what `bench/make-data --real` fetches."""

    def version(path: Path) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", path.name)]

    found = sorted(data.rglob(f"{name}-*.tar"), key=version)
    return (found[0], found[-1]) if len(found) > 1 else None


def versions(pair: tuple[Path, Path]) -> str:
    return " to ".join(path.stem.partition("-")[2] for path in pair)


class Plan:
    def __init__(self, data: Path, scale: Scale, real: Path | None = None) -> None:
        self.data = data  # the synthetic files
        self.real_files = real or data
        self.scale = scale
        self.share = scale.megabytes / 1024 * (scale.runs + 1)  # what the estimates are multiplied with

    def versus(
        self, table: str, label: str, pair: tuple[Path, Path], seconds: float, *options: str, runs: int = 0
    ) -> Job:
        runs = runs or self.scale.runs
        words: Words = ("--name", table, "--label", label, "--runs", runs, *options, *pair)
        return Job("versus", table, label, words, seconds * (runs + 1), lacking("rdiff"))

    def synthetic(self, table: str, *options: str) -> Iterator[Job]:
        whole, quarter = size(self.scale.megabytes), size(self.scale.megabytes // 4)
        share = self.scale.megabytes / 1024
        old, edited, appended, _, unrelated, zeros = (self.data / name for name in NAMES)
        label = f"{whole} of random bytes, 2000 scattered edits"
        yield self.versus(table, label, (old, edited), 9 * share, *options)
        if table == "versus":
            yield self.versus(table, "the same, 1 % appended", (old, appended), 8 * share, *options)
        label = f"{whole} of random bytes, and {quarter} of unrelated ones"
        yield self.versus(table, label, (old, unrelated), 8 * share, *options)
        if table == "versus":
            yield self.versus(table, f"{quarter} of zeros, unchanged", (zeros, zeros), 2 * share, *options)
            label = f"{whole}, edited, `{MD4}`"
            yield self.versus(table, label, (old, edited), 6 * share, "--signature", MD4, *options)

    def real(self, table: str, name: str, label: str, seconds: float, *options: str) -> Job:
        pair = real_pair(self.real_files, name)
        if not pair:
            need = f"no {name}-*.tar in {self.real_files}: bench/make-data --real fetches them"
            return Job("versus", table, label, (), 0, (need,))
        runs = min(2, self.scale.runs) if seconds > 10 else self.scale.runs
        return self.versus(table, f"{label}, {versions(pair)}", pair, seconds, *options, runs=runs)

    def against_rdiff(self) -> Iterator[Job]:
        plain = "--no-verify"
        yield from self.synthetic("versus", plain)
        if not self.scale.quick:
            yield self.real("versus", "typescript", "TypeScript", 1, plain)
            yield self.real("versus", "linux", "Linux", 24, plain)
            yield self.real("versus", "linux", "Linux, `-b 1024`", 14, plain, "--signature", "-b 1024")
            yield self.real("versus", "linux", "Linux, `-b 2048`", 15, plain, "--signature", "-b 2048")
        yield from self.synthetic("versus-verified")
        if not self.scale.quick:
            yield self.real("versus-verified", "linux", "Linux", 24)

    def both_at_hand(self) -> Iterator[Job]:
        """`diff`, next to other programs: on its own pairs and on the real ones."""
        runs, quick = ("--rounds", self.scale.runs), self.scale.quick
        fast: Words = ("--only", "redelta", "--only", "xdelta3 -1", "--only", "zstd -3")
        words: Words = (*runs, *fast) if quick else runs
        yield Job("versus-diff", "versus-diff", "both files at hand", words, 15 if quick else 150)
        for name, label, seconds in () if quick else REAL_PAIRS:
            pair = real_pair(self.real_files, name)
            need = () if pair else (f"no {name}-*.tar in {self.real_files}: bench/make-data --real fetches them",)
            words = (*runs, *(pair or ()))
            yield Job("versus-diff", "versus-diff", f"both files at hand, {label}", words, seconds, need)
        words = ("--hostile", *runs, *(("--megabytes", 1, "--crafted", "word") if quick else ()))
        yield Job("versus-diff", "versus-diff-hostile", "crafted pairs", words, 5 if quick else 240)

    def two_machines(self) -> Iterator[Job]:
        """`sync` to another machine, next to rsync: on its own pairs, on made-up ones and on the real ones."""
        runs, quick = ("--rounds", self.scale.runs), self.scale.quick
        needs = lacking("rsync")
        words: Words = (*runs, *(("--skip", "links", "--megabytes", 1, "--image", 16) if quick else ()))
        yield Job("wire", "wire", "two machines", words, 20 if quick else 120, needs)
        for name, label, seconds in () if quick else REAL_PAIRS:
            pair = real_pair(self.real_files, name)
            need = () if pair else (f"no {name}-*.tar in {self.real_files}: bench/make-data --real fetches them",)
            words = (*runs, "--skip", "made-up", *(pair or ()))
            yield Job("wire", "wire", f"two machines, {label}", words, seconds, (*needs, *need))

    def small_things(self) -> Iterator[Job]:
        """The kernels, and many small files."""
        quick, memory = self.scale.quick, Path("/dev/shm")
        places = [memory] if memory.is_dir() else []
        if not quick or not places:
            places.insert(0, self.data)
        words: Words = (*places, "--runs", self.scale.runs)
        yield Job("kernels", "memory", "every kernel", (), 10)
        yield Job("directory", "directory", "small files written", words, 5 if quick else 80)
        yield Job("small-files", "small-files", "small files: signatures, deltas, patches", words, 5 if quick else 90)
        yield Job("many-files", "many-files", "many files in one call", words, 3 if quick else 60)

    def growth(self) -> Iterator[Job]:
        quick, runs = self.scale.quick, ("--runs", self.scale.runs)
        largest = min(self.scale.megabytes, 256) if quick else 8192
        seconds = 40 * self.share if quick else 400
        what = f"growth up to {size(largest)}"
        yield Job("growth", "growth", what, ("--largest", largest, *runs), seconds, lacking("rdiff"))
        holes = ("--size", 64, "--data", 128) if quick else ("--size", 1024, "--data", 1024)
        yield Job("sparse", "sparse", "holes", (*holes, *runs), 10 if quick else 260)

    def programs(self) -> Iterator[Job]:
        """Debian's, on both libraries."""
        quick, place = self.scale.quick, ("--directory", self.data)
        scale = ("--megabytes", 64 if quick else 512, "--files", 1000 if quick else 20000, "--runs", 1 if quick else 2)
        needs = lacking("rdiff-backup", "rdiffdir")
        yield Job("nightly", "nightly", "backups", (*scale, *place), 45 if quick else 170, needs)
        if not quick:
            needs = lacking("burp", "openssl")
            yield Job("burp", "burp", "burp's second backup", ("--runs", 1, *place), 120, needs)

    def package(self) -> Iterator[Job]:
        """The Python package, and what takes the place of the module librsync."""
        python = python_with_package()
        needs = lacking() if python else ("no Python has the package: scripts/test makes one, build/wheel-venv",)
        pair, command = self.pair(), python or sys.executable
        edited = (self.data / "old", self.data / "edited", "--runs", self.scale.runs)
        yield Job("python", "python", "the Python package", edited, 7 * self.share, needs, command)
        words: Words = (*edited, *(("--ranges", 4, 16) if self.scale.quick else ()))
        yield Job("ranges", "ranges", "a file in ranges", words, 15 * self.share, needs, command)
        words = ("--megabytes", 16 if self.scale.quick else 256)
        yield Job("store", "store-plan", "objects in buckets", words, 20 if self.scale.quick else 150, needs, command)
        yield from self.datasets(command, needs or lacking_modules(command, "pyarrow", "distributed"))
        needs += lacking("rdiff")
        yield Job("python-compat", "python-compat", "the module librsync", pair, 14 * self.share, needs, command)

    def datasets(self, python: str, needs: tuple[str, ...]) -> Iterator[Job]:
        """Many small files by several processes and by dask."""
        quick, rounds = self.scale.quick, ("--rounds", self.scale.runs)
        small = ("--files", 2000, "--rows", 20_000, "--megabytes", 64) if quick else ()
        yield Job("dataset", "dataset-engines", "datasets", (*small, *rounds), 10 if quick else 45, needs, python)
        what: Words = ("runs", "fake", *(() if quick else ("large",)))
        sizes = ("--sizes", 2000, 5000) if quick else ("--sizes", 10_000, 100_000)
        words: Words = (*what, *sizes, "--fakes", 20_000 if quick else 500_000, *rounds)
        yield Job("scale", "scale-costs", "datasets that grow", words, 15 if quick else 120, needs, python)

    def pair(self) -> Words:
        """Real files, if there are any."""
        linux = None if self.scale.quick else real_pair(self.real_files, "linux")
        return (*(linux or (self.data / "old", self.data / "edited")), "--runs", self.scale.runs)

    def others(self) -> Iterator[Job]:
        """The digest, compressed deltas and crafted input."""
        words: Words = (self.data / "old", self.data / "edited", "--runs", self.scale.runs)
        yield Job("digest", "digest", "the digest, next to b3sum", words, 6 * self.share)
        yield Job("compression", "compression", "compressed deltas", self.pair(), 12 * self.share)
        words = ("--only", ", 2048, forged, straddling", "--megabytes", 2 if self.scale.quick else 16)
        yield Job("hostile", "hostile", "crafted input", words, 3 if self.scale.quick else 12)
        if not self.scale.quick:
            yield Job("hostile", "hostile", "crafted signatures", ("--only", "load"), 20)

    def jobs(self) -> list[Job]:
        parts = (
            self.against_rdiff,
            self.both_at_hand,
            self.two_machines,
            self.small_things,
            self.growth,
            self.programs,
            self.package,
            self.others,
        )
        return [job for part in parts for job in part()]
