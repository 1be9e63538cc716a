"""`sync` from where there is nothing: with `delete`, that would be the end of all that is at the destination."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from helpers.roots import put, snapshot
from redelta.dataset import sync


@pytest.mark.parametrize("delete", [True, False])
def test_a_source_that_is_not_there(tmp_path: Path, threads: ThreadPoolExecutor, delete: bool) -> None:
    dest = put(tmp_path / "dest", {"file": b"data"})
    before = snapshot(dest)
    for source in (tmp_path / "mistaken", f"memory://{tmp_path.name}/mistaken"):
        with pytest.raises(FileNotFoundError):
            sync(source, dest, executor=threads, delete=delete)
        assert snapshot(dest) == before


def test_a_url_that_is_not_there_and_one_at_the_other_end(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/{tmp_path.name}/dest/file", b"data")
    with pytest.raises(FileNotFoundError, match="mistaken"):
        sync(f"memory://{tmp_path.name}/mistaken", f"memory://{tmp_path.name}/dest", executor=threads, delete=True)
    assert memory.cat_file(f"/{tmp_path.name}/dest/file") == b"data"
    memory.rm(f"/{tmp_path.name}", recursive=True)
