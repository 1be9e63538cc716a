"""`verify` where a link has taken the place of a directory: what it leads to is not below the root's path."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.roots import delta_of, put
from redelta.dataset import verify, write_patch


def test_what_is_behind_a_link_is_not_what_was_deleted(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """The delta deletes `a/file`; by the link, there is still something of that path."""
    old = put(tmp_path / "old", {"a/file": b"a", "b/file": b"b"})
    new = put(tmp_path / "new", {"b/file": b"b"})
    (new / "a").symlink_to("b")
    delta = delta_of(tmp_path, threads, old, new)
    write_patch(delta, old, executor=threads)
    assert (old / "a").is_symlink()
    assert not list(verify(delta, old, executor=threads))
    (old / "a").unlink()
    put(old, {"a/file": b"a"})
    assert {each.path: each.kind for each in verify(delta, old, executor=threads)} == {
        b"a": "changed",
        b"a/file": "added",
    }
