"""`write_patch` and `sync`: the new version is what the old one becomes, or nothing has changed."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from blake3 import blake3

import redelta
from helpers.roots import edited, later_version, make_root, snapshot
from redelta import dataset
from redelta.dataset import DatasetError, sync, write_delta, write_patch, write_signature
from redelta.dataset._journal import Area, Phase

AREA = ".redelta-patch"


class Versions:
    """Two versions of a root, and the delta between them."""

    def __init__(self, folder: Path, threads: ThreadPoolExecutor, seed: int = 1, shard_files: int = 10) -> None:
        self.old, self.new = folder / "old", folder / "new"
        self.signature, self.delta = folder / "signature", folder / "delta"
        self.threads = threads
        make_root(self.old, seed)
        later_version(self.old, self.new, seed)
        write_signature(self.old, self.signature, executor=threads, min_size=2000, shard_files=shard_files)
        write_delta(self.signature, self.new, self.delta, executor=threads, shard_files=shard_files)
        self.before = snapshot(self.old)
        self.after = snapshot(self.new)

    def patch(self, **options: object) -> dataset.Summary:
        """The delta applied to the old version."""
        return write_patch(self.delta, self.old, executor=self.threads, **options)  # type: ignore[arg-type]

    def assert_is(self, expected: dict[bytes, tuple[object, ...]]) -> None:
        """The old root is that now, and nothing else is left."""
        assert snapshot(self.old) == expected


@pytest.fixture
def versions(tmp_path: Path, threads: ThreadPoolExecutor) -> Versions:
    """Small shards, so that there are several."""
    return Versions(tmp_path, threads)


def test_the_old_version_becomes_the_new_one(versions: Versions) -> None:
    summary = versions.patch()
    versions.assert_is(versions.after)
    assert not summary.failures
    assert {"delta", "whole", "copy", "delete", "make"} <= set(summary.ops)
    assert summary.shards > 2


@pytest.mark.parametrize("seed", range(2, 8))
def test_other_roots_too(tmp_path: Path, threads: ThreadPoolExecutor, seed: int) -> None:
    versions = Versions(tmp_path, threads, seed, shard_files=seed * 3)
    versions.patch()
    versions.assert_is(versions.after)


def test_a_second_time_nothing_is_to_be_done(versions: Versions) -> None:
    versions.patch()
    assert versions.patch().files == 0
    versions.assert_is(versions.after)


def test_nothing_happens_in_a_dry_run(versions: Versions) -> None:
    wet = versions.patch(dry_run=True)
    versions.assert_is(versions.before)
    assert versions.patch().ops == wet.ops


def test_what_the_new_version_has_not_stays_unless_it_is_to_go(versions: Versions) -> None:
    with pytest.raises(DatasetError) as caught:
        versions.patch(delete=False)
    assert [each.path for each in caught.value.failures] == [b"c d"]  # a directory that a file cannot replace then
    found = snapshot(versions.old)
    expected = {path: what for path, what in versions.after.items() if what[0] != stat.S_IFDIR and path != b"c d"}
    assert {path: found[path] for path in expected} == expected
    gone = {path for path in versions.before if path not in versions.after}
    assert gone
    assert gone <= set(found)


def test_a_backup_has_what_was_replaced(versions: Versions, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    versions.patch(backup=backup)
    versions.assert_is(versions.after)
    kept = snapshot(backup)
    for path, (kind, _, _, content) in versions.before.items():
        if kind == stat.S_IFREG and (path not in versions.after or versions.after[path][3] != content):
            assert kept[path][3] == content, path


def test_a_changed_basis_is_refused_and_nothing_changes(versions: Versions) -> None:
    victim = next(
        path
        for path, what in versions.before.items()
        if what[0] == stat.S_IFREG and path in versions.after and versions.after[path][3] != what[3]
        and len(versions.after[path][3]) > 2000  # type: ignore[arg-type]
    )  # fmt: skip
    file = os.path.join(os.fsencode(versions.old), victim)
    with open(file, "r+b") as opened:
        opened.write(b"other")
    before = snapshot(versions.old)
    with pytest.raises(DatasetError, match="nothing was changed") as caught:
        versions.patch()
    assert [each.path for each in caught.value.failures] == [victim]
    versions.assert_is(before)


def test_with_partial_all_others_are_patched(versions: Versions) -> None:
    victim = b"fresh"
    (versions.old / "fresh").write_bytes(b"somebody else's")
    with pytest.raises(DatasetError) as caught:
        versions.patch(partial=True)
    assert victim in [each.path for each in caught.value.failures]
    found = snapshot(versions.old)
    assert found[victim][3] == b"somebody else's"
    others = {path: what for path, what in versions.after.items() if not path.startswith(b"fresh")}
    assert {path: found[path] for path in others} == others


def test_a_patch_of_a_running_one_is_refused(versions: Versions) -> None:
    import fcntl

    area = versions.old / AREA
    area.mkdir()
    with open(area / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match="under way"):
            versions.patch()
    shutil.rmtree(area)
    versions.assert_is(versions.before)


def test_another_patch_must_be_finished_first(versions: Versions) -> None:
    area = versions.old / AREA
    area.mkdir()
    told = {"redelta": "dataset patch", "version": 1, "delta": "0" * 64, "phase": "names"}
    (area / "journal.json").write_text(json.dumps(told))
    with pytest.raises(DatasetError, match="0000"):
        versions.patch()
    told["phase"] = "files"  # of that one nothing has a name yet: it is dropped
    (area / "journal.json").write_text(json.dumps(told))
    versions.patch()
    versions.assert_is(versions.after)


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"redelta": "dataset patch", "version": 2}'])
def test_a_damaged_journal_is_told(versions: Versions, damage: bytes) -> None:
    area = versions.old / AREA
    area.mkdir()
    (area / "journal.json").write_bytes(damage)
    with pytest.raises(DatasetError, match="remove"):
        versions.patch()


def test_a_link_on_the_way_is_not_followed(versions: Versions, tmp_path: Path) -> None:
    """Somebody puts a link in the place of a directory: what it leads to stays as it is."""
    outside = tmp_path / "outside"
    shutil.copytree(versions.old / "a", outside, symlinks=True)
    before = snapshot(outside)
    shutil.rmtree(versions.old / "a")
    (versions.old / "a").symlink_to(outside)
    with pytest.raises(DatasetError):
        versions.patch(partial=True)
    assert snapshot(outside) == before


def test_a_delta_that_was_altered_changes_nothing(versions: Versions) -> None:
    pack = max(versions.delta.glob("*.pack"), key=lambda each: each.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(bytes(data))
    with pytest.raises(redelta.CorruptError):
        versions.patch()
    versions.assert_is(versions.before)


# ---- sync -----------------------------------------------------------------------------------------------------------


def test_sync_makes_one_root_the_other(versions: Versions) -> None:
    sync(versions.new, versions.old, executor=versions.threads, delete=True, shard_files=10)
    versions.assert_is(versions.after)


def test_sync_into_a_new_place(versions: Versions, tmp_path: Path) -> None:
    sync(versions.new, tmp_path / "copy", executor=versions.threads)
    assert snapshot(tmp_path / "copy") == versions.after


def test_sync_reads_only_what_has_changed(versions: Versions, tmp_path: Path) -> None:
    state = tmp_path / "state"
    copy = tmp_path / "copy"
    sync(versions.new, copy, executor=versions.threads, state=state)
    file = next(each for each in versions.new.rglob("file*") if each.is_file() and each.stat().st_size > 2000)
    file.write_bytes(edited(file.read_bytes(), random.Random(1)))
    done = sync(versions.new, copy, executor=versions.threads, state=state)
    assert done.files == 1
    assert snapshot(copy) == snapshot(versions.new)


def test_sync_of_roots_within_each_other_is_refused(versions: Versions) -> None:
    with pytest.raises(redelta.ParameterError, match="lies in the other"):
        sync(versions.new, versions.new / "a", executor=versions.threads)


def test_sync_to_urls(versions: Versions, tmp_path: Path) -> None:
    """A store in the memory of this process: objects, no directories and links."""
    import fsspec

    memory = fsspec.filesystem("memory")
    for file in versions.new.rglob("*"):
        if file.is_file() and not file.is_symlink() and b"\xff" not in os.fsencode(file):
            memory.pipe_file(f"/bucket/new/{file.relative_to(versions.new)}", file.read_bytes())
    memory.pipe_file("/bucket/old/gone", b"gone")
    first = next(name for name in memory.find("/bucket/new") if memory.size(name) > 20_000)
    memory.pipe_file(first.replace("/new/", "/old/"), b"prefix" + memory.cat_file(first))
    sync("memory://bucket/new", "memory://bucket/old", executor=versions.threads, delete=True)
    old, new = (memory.find(f"/bucket/{name}", detail=False) for name in ("old", "new"))
    assert [name.replace("/old/", "/new/") for name in old] == new
    assert [memory.cat_file(name) for name in old] == [memory.cat_file(name) for name in new]
    memory.rm("/bucket", recursive=True)


def test_a_file_system_without_links_will_do(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as FAT."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    versions.patch()
    versions.assert_is(versions.after)


def test_a_patch_under_way_is_as_the_page_on_formats_says(versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended between its phases, looked at, and continued."""
    set_phase = Area.set_phase

    def ended(area: Area, delta: str, phase: Phase) -> None:
        if phase == "names":
            raise KeyboardInterrupt
        set_phase(area, delta, phase)

    monkeypatch.setattr(Area, "set_phase", ended)
    with pytest.raises(KeyboardInterrupt):
        versions.patch()
    monkeypatch.undo()
    check_area(versions)
    for record in (versions.old / AREA).glob("shard-*.json"):
        told = json.loads(record.read_bytes())
        record.write_text(json.dumps({**told, "directory": ".."}))
    with pytest.raises(redelta.CorruptError, match="remove"):
        versions.patch()
    versions.assert_is(versions.before)  # nothing had its name yet, so the area is gone
    versions.patch()
    versions.assert_is(versions.after)


def check_area(versions: Versions) -> None:
    """The area, read from the page alone."""
    area = versions.old / AREA
    manifest = (versions.delta / "manifest.json").read_bytes()
    journal = json.loads((area / "journal.json").read_bytes())
    assert journal == {
        "redelta": "dataset patch",
        "version": 1,
        "delta": blake3(manifest).hexdigest(),
        "phase": "files",
    }
    made = 0
    for shard in json.loads(manifest)["shards"]:
        told = json.loads((area / f"{shard['stem']}.json").read_bytes())
        assert list(told) == ["redelta", "version", "directory", "files", "bytes", "seen", "failures"]
        assert (told["redelta"], told["version"], told["failures"]) == ("dataset patch shard", 1, [])
        rows = pq.read_table(versions.delta / f"{shard['stem']}.parquet").to_pylist()
        files = list((area / told["directory"]).iterdir())
        assert (len(files), sum(each.stat().st_size for each in files)) == (told["files"], told["bytes"])
        for file in files:
            assert blake3(file.read_bytes()).digest() == rows[int(file.name)]["digest"]
        for number, seen in told["seen"].items():
            assert (seen and seen[0]) == rows[int(number)]["old_kind"]
        made += len(files)
    assert made > 10
