"""rdiff-backup on `redelta.compat._librsync`: see desk.py. The steps of a mix: three backups, all the reading."""

from __future__ import annotations

import pytest

from consumers.trees import STATES, History, time_of
from python.compat.desk import Desk


@pytest.mark.parametrize("mix", ["oooo", "soso", "osos"])
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
