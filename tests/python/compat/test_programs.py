"""rdiff-backup and duplicity, as Debian packs them, with `redelta.compat._librsync` in place of their own extension.

A test puts it there: a `sitecustomize` on PYTHONPATH, which Python imports before any program. The dynamic linker's
report (LD_DEBUG) shows that it was used, and that librsync was not. The steps of a mix: three backups, all the reading;
`s` is the program as it is, `o` is with ours.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import redelta
from consumers.programs import HANG_SECONDS, Word
from consumers.trees import STATES, History, time_of

PACKAGES = ("rdiff_backup", "duplicity")
MIXES = ["oooo", "soso", "osos"]

SITECUSTOMIZE = f"""
import sys
import redelta.compat._librsync
for package in {PACKAGES}:
    sys.modules[package + "._librsync"] = redelta.compat._librsync
"""

LOADED = re.compile(r"calling init: (\S*/(?:librsync\.so\.2|_librsync\.\S+|redelta/_core\.\S+))\n")


@dataclass(frozen=True)
class Desk:
    """A place to run programs in, with a home of their own, and what is put in place of their extension."""

    folder: Path

    def prepare(self) -> None:
        shim = self.folder / "shim"
        shim.mkdir()
        (shim / "sitecustomize.py").write_text(SITECUSTOMIZE)
        (shim / "redelta").symlink_to(Path(redelta.__file__).parent)
        (self.folder / "home").mkdir()

    def run(self, letter: str, *words: Word, status: int | None = 0) -> str:
        """Asserts the status (None: some failure) and which of the two was used, and gives what was said."""
        log = self.folder / "ld"
        shutil.rmtree(log, ignore_errors=True)
        log.mkdir()
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_DEBUG": "libs",
            "LD_DEBUG_OUTPUT": str(log / "log"),
        }
        if letter == "o":
            environment["PYTHONPATH"] = str(self.folder / "shim")
        command = [str(word) for word in words]
        finished = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=self.folder,
            timeout=HANG_SECONDS,
            check=False,
        )
        said = finished.stdout.decode(errors="replace")
        expected = finished.returncode > 0 if status is None else finished.returncode == status
        assert expected, f"{command}: status {finished.returncode}\n{said}"
        self.assert_used(letter, log)
        return said

    def assert_used(self, letter: str, log: Path) -> None:
        texts: Sequence[str] = [file.read_text(errors="replace") for file in log.iterdir()]
        names = {Path(found).name.partition(".")[0] for text in texts for found in LOADED.findall(text)}
        assert names == ({"_core"} if letter == "o" else {"_librsync", "librsync"})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.prepare()
    return desk


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A tree without any state yet."""
    return History(tmp_path / "tree", {})


@pytest.mark.parametrize("mix", MIXES)
def test_rdiff_backup_restores_each_time(desk: Desk, history: History, mix: str) -> None:
    repository = desk.folder / "repository"
    for state in range(STATES):
        history.advance(state)
        now = ("--current-time", str(time_of(state)))
        desk.run(mix[state], "rdiff-backup", *now, "backup", history.root, repository)
    increments = [path for path in repository.rglob("*.diff.gz") if "increments" in path.parts]
    assert any(path.name.startswith("big.") for path in increments), "no delta was made"
    desk.run(mix[-1], "rdiff-backup", "compare", "--method", "hash", history.root, repository)
    for state in range(STATES):
        restored = desk.folder / f"restored {state}"
        desk.run(mix[-1], "rdiff-backup", "restore", "--at", str(time_of(state)), repository, restored)
        history.assert_restored(state, restored)


def test_rdiff_backup_notices_a_damaged_increment(desk: Desk, history: History) -> None:
    repository = desk.folder / "repository"
    for state in range(2):
        history.advance(state)
        now = ("--current-time", str(time_of(state)))
        desk.run("o", "rdiff-backup", *now, "backup", "--no-compression", history.root, repository)
    (delta,) = (repository / "rdiff-backup-data" / "increments").glob("big.*.diff")
    delta.write_bytes(delta.read_bytes()[:-1000])
    for letter in "so":
        said = desk.run(letter, "rdiff-backup", "verify", "--at", str(time_of(0)), repository, status=None)
        assert "big" in said


@pytest.mark.parametrize("mix", MIXES)
def test_duplicity_restores_each_time(desk: Desk, history: History, mix: str) -> None:
    store = desk.folder / "store"
    store.mkdir()
    options = ("--no-encryption", "--no-print-statistics", "--archive-dir", desk.folder / "archive")
    for state in range(STATES):
        history.advance(state)
        verb = "incremental" if state else "full"
        now = ("--current-time", str(time_of(state)))
        desk.run(mix[state], "duplicity", verb, *now, history.root, f"file://{store}", *options)
    volumes = {path.name: path.stat().st_size for path in store.glob("duplicity-*.difftar.gz")}
    full = sum(size for name, size in volumes.items() if "full" in name)
    assert len(volumes) == STATES
    assert sum(volumes.values()) < 1.5 * full, f"deltas are no smaller than files: {volumes}"
    desk.run(mix[-1], "duplicity", "verify", "--compare-data", f"file://{store}", history.root, *options)
    for state in range(STATES):
        restored = desk.folder / f"restored {state}"
        at = ("--time", str(time_of(state)))
        desk.run(mix[-1], "duplicity", "restore", *at, f"file://{store}", restored, *options)
        history.assert_restored(state, restored)


def test_rdiffdir_patches_a_directory(desk: Desk, history: History) -> None:
    history.advance(0)
    basis = Path(shutil.copytree(history.root, desk.folder / "basis", symlinks=True))
    history.advance(1)
    desk.run("o", "rdiffdir", "signature", basis, "signature.tar")
    desk.run("o", "rdiffdir", "delta", "signature.tar", history.root, "delta.tar")
    desk.run("o", "rdiffdir", "patch", basis, "delta.tar")
    history.assert_restored(1, basis)
