"""`write_patch` where the root is not what the delta was made for, and where two patches meet."""

from __future__ import annotations

import json
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.forged import forge
from helpers.roots import delta_of, put, snapshot
from helpers.samples import noise
from redelta.dataset import DatasetError, _patch_files, write_patch
from redelta.dataset._beneath import Beneath
from redelta.dataset._journal import Area
from redelta.dataset._reader import Dataset

# ---- What others have changed ---------------------------------------------------------------------------------------


def test_a_kept_file_that_was_changed_is_told(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """The delta keeps it, so it is not read. But its size and its time show that it is another file by now; to give it
    the time of the new version would hide that from everybody."""
    old = put(tmp_path / "old", {"kept": b"kept", "edited": b"before"})
    new = shutil.copytree(old, tmp_path / "new")
    (new / "edited").write_bytes(b"after")
    delta = delta_of(tmp_path, threads, old, new)
    (old / "kept").write_bytes(b"somebody else's")
    before = snapshot(old)
    with pytest.raises(DatasetError) as caught:
        write_patch(delta, old, executor=threads)
    assert [(each.path, each.kind) for each in caught.value.failures] == [(b"kept", "changed")]
    assert snapshot(old)[b"kept"] == before[b"kept"]


def test_what_has_the_name_of_a_directory_keeps_its_mode(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the patch is under way, a file is put where there was a directory: it is left as it is."""
    old = put(tmp_path / "old", {"folder/file": b"x", "edited": b"before"})
    new = shutil.copytree(old, tmp_path / "new")
    (new / "folder").chmod(0o711)
    delta = delta_of(tmp_path, threads, old, new)
    set_phase = Area.set_phase

    def then_replace(self: Area, digest: str, phase: Any) -> None:
        set_phase(self, digest, phase)
        if phase == "names":
            shutil.rmtree(old / "folder")
            (old / "folder").write_bytes(b"secret")
            (old / "folder").chmod(0o600)

    monkeypatch.setattr(Area, "set_phase", then_replace)
    with pytest.raises(DatasetError) as caught:
        write_patch(delta, old, executor=threads)
    assert b"folder" in [each.path for each in caught.value.failures]
    assert stat.S_IMODE((old / "folder").stat().st_mode) == 0o600
    assert (old / "folder").read_bytes() == b"secret"


def test_a_name_that_cannot_be_looked_at_is_a_failure_of_its_row(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Here, one that is longer than this file system allows; it is as with a directory that may not be entered."""
    old = put(tmp_path / "old", {"edited": b"before"})
    new = put(tmp_path / "new", {"edited": b"after", "added": b"added"})
    delta = delta_of(tmp_path, threads, old, new)
    forge(delta, longer_name, 0)
    with pytest.raises(DatasetError, match="nothing was changed") as caught:
        write_patch(delta, old, executor=threads)
    assert [each.path for each in caught.value.failures] == [b"added" + b"x" * 300]
    with pytest.raises(DatasetError):
        write_patch(delta, old, executor=threads, partial=True)
    assert (old / "edited").read_bytes() == b"after"


def longer_name(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["path"] == b"added")["path"] += b"x" * 300


def test_a_copy_of_a_file_that_has_become_another_is_not_begun(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fill the disk with what is thrown away then."""
    old = put(tmp_path / "old", {"file": noise(1000, 1)})
    new = shutil.copytree(old, tmp_path / "new")
    shutil.copy2(new / "file", new / "copy")
    delta = delta_of(tmp_path, threads, old, new)
    put(old, {"file": noise(500_000, 2)})
    written: list[int] = []
    monkeypatch.setattr(shutil, "copyfileobj", lambda *_: written.append(1))
    monkeypatch.setattr(os, "copy_file_range", lambda *_: written.append(1), raising=False)
    with pytest.raises(DatasetError, match="copy"):
        write_patch(delta, old, executor=threads)
    assert not written


# ---- Memory ---------------------------------------------------------------------------------------------------------


def test_deltas_that_are_not_wanted_are_not_read(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between short deltas there are long ones, and those of files that are there already."""
    old = put(tmp_path / "old", {"x": b"x"})
    sizes = {"a": 10, "b": 500_000, "c": 600_000, "d": 10, "e": 90_000, "f": 90_000, "g": 10}
    new = put(tmp_path / "new", {"x": b"x", **{name: noise(size, size) for name, size in sizes.items()}})
    delta = delta_of(tmp_path, threads, old, new)
    for name in "ef":
        shutil.copy2(new / name, old / name)
    read: list[int] = []
    item = Dataset.item

    def noted(self: Dataset, shard: Any, offset: int, length: int) -> bytes:
        read.append(length)
        return item(self, shard, offset, length)

    monkeypatch.setattr(_patch_files, "BATCH_BYTES", 100_000)
    monkeypatch.setattr(Dataset, "item", noted)
    write_patch(delta, old, executor=threads)
    assert snapshot(old) == snapshot(new)
    assert max(read) <= 100_000


def test_two_workers_give_the_same_name(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them was thought lost: it has just done it when the other one looks at the name."""
    old, new = put(tmp_path / "old", {"file": b"before"}), put(tmp_path / "new", {"file": b"after"})
    delta = delta_of(tmp_path, threads, old, new)
    look = Beneath.look
    names = []

    def late(self: Beneath, path: bytes) -> Any:
        made = list((old / ".redelta-patch").glob("shard-*/*"))
        phase = json.loads((old / ".redelta-patch" / "journal.json").read_bytes())["phase"]
        if phase == "names" and made:
            names.append(path)
            made[0].rename(old / "file")
        return look(self, path)

    monkeypatch.setattr(Beneath, "look", late)
    write_patch(delta, old, executor=threads)
    assert names == [b"file"]
    assert snapshot(old) == snapshot(new)
