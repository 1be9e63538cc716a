"""What runs leave beside a dataset, and what others have there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.roots import put
from redelta.dataset import write_signature


def test_only_what_a_run_has_left_is_removed(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Others, too, call files part-something."""
    root = put(tmp_path / "root", {"x": b"x"})
    mine = {"part-00000.parquet": b"mine", "part-list": b"mine", "shard-" + "0" * 32 + "-notes.txt": b"mine"}
    left = {
        "part-" + "0" * 32 + "-000001": b"left",
        "part-index-" + "0" * 32: b"left",
        "shard-" + "1" * 32 + ".pack": b"left",
        ".redelta-abc": b"left",
    }
    put(tmp_path / "signature", {**mine, **left})
    write_signature(root, tmp_path / "signature", executor=threads)
    names = {each.name for each in (tmp_path / "signature").iterdir()}
    assert set(mine) <= names
    assert not names & set(left)
