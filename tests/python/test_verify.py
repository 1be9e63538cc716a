"""Whether a file is what a delta makes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import redelta
from helpers.samples import noise, random_edits

OLD = noise(300_000, 1)
NEW = random_edits(OLD, 10, 2)
DELTA = redelta.delta(redelta.signature(OLD), NEW)


@pytest.mark.parametrize("form", ["plain", "compressed", "dense"])
def test_the_new_file_is_verified(form: str) -> None:
    delta = DELTA if form == "plain" else redelta.diff(OLD, NEW, compress=3, dense=form == "dense")
    assert redelta.verify(delta, NEW).digest == redelta.digest(NEW)
    for wrong in (OLD, NEW[:-1], NEW + b"x", b"", NEW[:1000] + b"!" + NEW[1001:]):
        with pytest.raises(redelta.VerifyError) as caught:
            redelta.verify(delta, wrong)
        assert caught.value.role == "new file"


def test_a_delta_without_a_digest_proves_nothing() -> None:
    delta = redelta.delta(redelta.signature(OLD), NEW, verify=False)
    with pytest.raises(redelta.VerifyError, match="verify=True") as caught:
        redelta.verify(delta, NEW)
    assert caught.value.role == "delta"


def test_it_takes_paths_and_files(tmp_path: Path) -> None:
    delta, new = tmp_path / "delta", tmp_path / "new"
    delta.write_bytes(DELTA)
    new.write_bytes(NEW)
    seen: list[tuple[int, int | None]] = []
    stats = redelta.verify(delta, new, threads=1, progress=lambda done, total: seen.append((done, total)))
    assert stats.in_bytes == len(NEW)
    assert seen[-1][0] == len(NEW) + len(DELTA)
    memory = io.BytesIO(DELTA)
    with new.open("rb") as file, redelta.Context() as context:
        assert redelta.verify(memory, file, context=context) == stats
        assert (file.tell(), memory.tell()) == (len(NEW), len(DELTA))
    new.write_bytes(OLD)
    with pytest.raises(redelta.VerifyError, match=f"'{new}'"):
        redelta.verify(delta, new)


def test_a_broken_delta_is_told() -> None:
    with pytest.raises(redelta.BadMagicError):
        redelta.verify(NEW, NEW)
    with pytest.raises(redelta.TruncatedError):
        redelta.verify(DELTA[:100], NEW)
    with pytest.raises(redelta.LimitError):
        redelta.verify(redelta.diff(OLD, NEW, dense=True), NEW, max_memory=1)
