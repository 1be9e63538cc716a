"""The trials of block lengths are those of the command, and what they say is so."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.samples import noise, random_edits

OLD = noise(400_000, 1)
COMMAND = Path(sys.executable).with_name("redelta")


def told(*words: str | Path) -> Any:
    run = subprocess.run([COMMAND, "--json", "estimate", *words], capture_output=True, check=True)
    return json.loads(run.stdout)["estimated"]


@pytest.mark.parametrize(
    "new",
    [OLD, b"", random_edits(OLD, 3, 2), random_edits(OLD, 400, 3), noise(300_000, 4), OLD[:1000], OLD + noise(5000, 5)],
    ids=["same", "empty", "few edits", "many edits", "other", "short", "longer"],
)
@pytest.mark.parametrize("words", [{}, {"strong_len": 8, "hash": "rollsum-md4"}], ids=["usual", "md4"])
def test_it_is_what_the_command_says(tmp_path: Path, new: bytes, words: Any) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(new)
    options = ["--sum-size=8", "--hash=md4", "--rollsum=rollsum"] if words else []
    expected = told(*options, tmp_path / "old", tmp_path / "new")
    found = redelta.estimate(tmp_path / "old", tmp_path / "new", **words)
    assert [
        {
            "block_length": trial.block_len,
            "signature": trial.signature_bytes,
            "delta": trial.delta_bytes,
            "delta_compressed": trial.compressed_bytes,
            "literal": trial.literal_bytes,
        }
        for trial in found.trials
    ] == expected["trials"]
    assert found.usual_block_len == expected["usual_block_length"]
    assert found.best.block_len == expected["best_block_length"]
    assert found.best_compressed
    assert found.best_compressed.block_len == expected["best_block_length_compressed"]
    assert found.identical == expected["identical"]
    assert (found.old_size, found.new_size) == (len(OLD), len(new))


def test_a_trial_is_what_would_be_sent() -> None:
    new = random_edits(OLD, 30, 6)
    for trial in redelta.estimate(OLD, new).trials:
        signature = redelta.signature(OLD, block_len=trial.block_len)
        delta = redelta.delta(signature, new)
        assert (trial.signature_bytes, trial.delta_bytes) == (len(signature), len(delta))
        assert trial.compressed_bytes == len(redelta.delta(signature, new, compress=True))
        assert trial.total == len(signature) + len(delta)


def test_it_reads_whatever_can_be_read_again(tmp_path: Path) -> None:
    new = random_edits(OLD, 3, 7)
    expected = redelta.estimate(OLD, new)
    (tmp_path / "old").write_bytes(OLD)

    class Reader(io.RawIOBase):
        """A file object that is none of those of `io`."""

        inner = io.BytesIO(new)

        def read(self, size: int = -1) -> bytes:
            return self.inner.read(size)

        def seek(self, offset: int, whence: int = 0) -> int:
            return self.inner.seek(offset, whence)

    with (tmp_path / "old").open("rb") as file, redelta.Context() as context:
        assert redelta.estimate(file, Reader(), context=context, threads=1) == expected


def test_a_pipe_is_refused() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe, open(writing, "wb"):
        with pytest.raises(redelta.ParameterError, match="new file: it is read several times"):
            redelta.estimate(OLD, pipe)
        with pytest.raises(redelta.ParameterError, match="basis: it is read several times"):
            redelta.estimate(f"/dev/fd/{reading}", OLD)


def test_progress_goes_on_and_can_stop_it() -> None:
    seen: list[int] = []
    redelta.estimate(OLD, OLD + b"x", progress=lambda done, total: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] > 5 * len(OLD)

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        redelta.estimate(OLD, OLD, progress=stop)
