"""rdiff-backup: three backups, verified, compared, and restored to each of the three times.

A backup asks librsync for signatures of the mirror, for deltas in both directions, and for patches of the mirror; a
restore of an older time applies the deltas that are kept. The steps of a mix: backup, backup, backup, everything that
reads.
"""

from __future__ import annotations

import pytest

from consumers.programs import Desk, Librsync
from consumers.trees import STATES, History, time_of


@pytest.mark.parametrize("mix", ["ssss", "oooo", "soso", "osos", "ooos", "ssso"])
def test_backups_are_restored_to_each_time(
    desk: Desk, history: History, librsyncs: dict[str, Librsync], mix: str
) -> None:
    repository = desk.folder / "repository"
    for state in range(STATES):
        history.advance(state)
        now = ("--current-time", str(time_of(state)))
        desk.run(librsyncs[mix[state]], "rdiff-backup", *now, "backup", history.root, repository)
    kept = [path for path in repository.rglob("*.diff.gz") if "increments" in path.parts]
    assert any(path.name.startswith("big.") for path in kept), "no delta was made"

    reader = librsyncs[mix[-1]]
    desk.run(reader, "rdiff-backup", "compare", "--method", "hash", history.root, repository)
    for state in range(STATES):
        at = ("--at", str(time_of(state)))
        restored = desk.folder / f"restored {state}"
        desk.run(reader, "rdiff-backup", "verify", *at, repository)
        desk.run(reader, "rdiff-backup", "restore", *at, repository, restored)
        history.assert_restored(state, restored)


@pytest.mark.parametrize("letter", ["s", "o"])
def test_a_damaged_increment_is_noticed(
    desk: Desk, history: History, librsyncs: dict[str, Librsync], letter: str
) -> None:
    """The comparison above can fail: with a truncated delta, the older state is not restored."""
    librsync = librsyncs[letter]
    repository = desk.folder / "repository"
    for state in range(2):
        history.advance(state)
        now = ("--current-time", str(time_of(state)))
        desk.run(librsync, "rdiff-backup", *now, "backup", "--no-compression", history.root, repository)
    (delta,) = (repository / "rdiff-backup-data" / "increments").glob("big.*.diff")
    delta.write_bytes(delta.read_bytes()[:-1000])
    said = desk.run(librsync, "rdiff-backup", "verify", "--at", str(time_of(0)), repository, status=None)
    assert "big" in said
