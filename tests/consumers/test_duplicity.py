"""duplicity: a full backup and two incremental ones, restored to each of the three times, and verified.

A full backup stores signatures; an incremental one makes deltas against them and new signatures; a restore applies the
deltas one after the other. The steps of a mix: full, incremental, incremental, everything that reads.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.programs import Desk, Librsync, Word
from consumers.trees import STATES, History, time_of

COMMON = ("--no-encryption", "--no-print-statistics", "--archive-dir")


def duplicity(desk: Desk, librsync: Librsync, *words: Word) -> None:
    desk.run(librsync, "duplicity", *words, *COMMON, desk.folder / "archive")


@pytest.mark.parametrize("mix", ["ssss", "oooo", "soso", "osos", "ooos", "ssso"])
def test_backups_are_restored_to_each_time(
    desk: Desk, history: History, librsyncs: dict[str, Librsync], mix: str
) -> None:
    store = desk.folder / "store"
    store.mkdir()
    for state in range(STATES):
        history.advance(state)
        verb = "incremental" if state else "full"
        now = ("--current-time", str(time_of(state)))
        duplicity(desk, librsyncs[mix[state]], verb, *now, history.root, f"file://{store}")
    volumes = {path.name: path.stat().st_size for path in store.glob("duplicity-*.difftar.gz")}
    full = sum(size for name, size in volumes.items() if "full" in name)
    assert len(volumes) == STATES
    assert sum(volumes.values()) < 1.5 * full, f"deltas are no smaller than files: {volumes}"

    reader = librsyncs[mix[-1]]
    duplicity(desk, reader, "verify", "--compare-data", f"file://{store}", history.root)
    for state in range(STATES):
        restored: Path = desk.folder / f"restored {state}"
        duplicity(desk, reader, "restore", "--time", str(time_of(state)), f"file://{store}", restored)
        history.assert_restored(state, restored)


def test_signatures_of_both_libraries_are_the_same(
    desk: Desk, history: History, librsyncs: dict[str, Librsync]
) -> None:
    """So either can continue where the other stopped, and a store does not depend on which of them made it."""
    history.advance(0)
    made = []
    for letter in "so":
        store = desk.folder / letter
        store.mkdir()
        now = ("--current-time", str(time_of(0)), "--no-compression", "--name", letter)
        duplicity(desk, librsyncs[letter], "full", *now, history.root, f"file://{store}")
        made.append({path.name: path.read_bytes() for path in store.glob("*.sigtar")})
    assert made[0], "no signatures were made"
    assert made[0] == made[1]
