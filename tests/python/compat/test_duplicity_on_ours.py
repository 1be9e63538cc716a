"""duplicity and its rdiffdir on `redelta.compat._librsync`: see desk.py. The steps of a mix: three backups, all the
reading."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from consumers.trees import STATES, History, time_of
from python.compat.desk import Desk


@pytest.mark.parametrize("mix", ["oooo", "soso", "osos"])
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
