"""Backups of `write_patch`: what is replaced is kept, or it is not replaced."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from helpers.roots import delta_of, put
from redelta.dataset import DatasetError, write_patch


def test_a_backup_does_not_follow_its_links(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """One patch has put a link into the backup, the next one puts a file below its name."""
    outside = tmp_path / "outside"
    outside.mkdir()
    root = put(tmp_path / "one", {"x": b"x"})
    (root / "name").symlink_to(outside)
    two = put(tmp_path / "two", {"x": b"x", "name/file": b"a file"})
    three = put(tmp_path / "three", {"x": b"x"})
    first = delta_of(tmp_path, threads, root, two, "first")
    second = delta_of(tmp_path, threads, two, three, "second")
    write_patch(first, root, executor=threads, backup=tmp_path / "backup")
    with contextlib.suppress(DatasetError):
        write_patch(second, root, executor=threads, backup=tmp_path / "backup")
    assert not list(outside.iterdir())
    assert (root / "name" / "file").exists() or not (tmp_path / "backup" / "name").is_symlink()


@pytest.mark.parametrize("copies", [False, True])
def test_a_backup_of_an_earlier_patch_is_not_taken_for_this_one(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    """What is replaced is kept, or it is not replaced."""
    if copies:
        link_within_the_area_only(monkeypatch)
    backup = tmp_path / "backup"
    root = put(tmp_path / "one", {"file": b"version 1"})
    two, three = put(tmp_path / "two", {"file": b"version 2"}), put(tmp_path / "three", {"file": b"version 3"})
    first = delta_of(tmp_path, threads, root, two, "first")
    second = delta_of(tmp_path, threads, two, three, "second")
    write_patch(first, root, executor=threads, backup=backup)
    assert (backup / "file").read_bytes() == b"version 1"
    with contextlib.suppress(DatasetError):
        write_patch(second, root, executor=threads, backup=backup)
    assert b"version 2" in ((root / "file").read_bytes(), (backup / "file").read_bytes())
    assert (backup / "file").read_bytes() == b"version 1"


def test_a_backup_of_a_secret_is_never_open_to_others(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it has to be copied: neither when it is complete nor before."""
    link_within_the_area_only(monkeypatch)
    modes: list[int] = []
    copy = shutil.copyfileobj

    def noted(source: Any, target: Any, length: int = 0) -> None:
        modes.append(stat.S_IMODE(os.fstat(target.fileno()).st_mode))
        copy(source, target, length)

    monkeypatch.setattr(shutil, "copyfileobj", noted)
    root = put(tmp_path / "one", {"file": b"secret"})
    (root / "file").chmod(0o600)
    two = put(tmp_path / "two", {"file": b"version 2"})
    write_patch(delta_of(tmp_path, threads, root, two), root, executor=threads, backup=tmp_path / "backup")
    assert modes
    assert not any(mode & 0o077 for mode in modes)
    assert stat.S_IMODE((tmp_path / "backup" / "file").stat().st_mode) == 0o600


def link_within_the_area_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the backup were on another file system."""
    link = os.link

    def no_link(source: Any, target: Any, *, src_dir_fd: int | None = None, **how: Any) -> None:
        if src_dir_fd is not None:
            raise OSError(errno.EXDEV, "another file system")
        link(source, target, **how)

    monkeypatch.setattr(os, "link", no_link)
