"""Two patches of one root."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from redelta.dataset import DatasetError
from redelta.dataset._journal import Area


def test_a_lock_that_was_removed_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening the lock and getting it, the patch that had it ends, and removes it with the area. Whoever gets
    the lock of that file has nothing: the next one makes another."""
    area = Area(os.fsencode(tmp_path))
    flock = fcntl.flock
    ended: list[bool] = []

    def late(descriptor: int, how: int) -> None:
        if not ended:
            ended.append(True)
            area.remove()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with area.open("0" * 64) as phase:
        assert phase == "files"
        held = os.stat(area.inner("lock"))
        with pytest.raises(DatasetError, match="under way"), area.open("0" * 64):
            pass
        assert os.stat(area.inner("lock")).st_ino == held.st_ino


def test_an_area_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Whoever has put it there would have a patch made in another directory, and that emptied."""
    (tmp_path / "root").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_bytes(b"mine")
    (tmp_path / "root" / ".redelta-patch").symlink_to(tmp_path / "mine")
    with pytest.raises(DatasetError, match="link"), Area(os.fsencode(tmp_path / "root")).open("0" * 64):
        pass
    assert [each.name for each in (tmp_path / "mine").iterdir()] == ["file"]
