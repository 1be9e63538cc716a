"""Deltas made of both files: what they make is what stock rdiff and an independent reader make of them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given

import redelta
from helpers.samples import edited_pairs, noise, prose, random_edits
from helpers.sources import SEEKABLE, SOURCES, Fake, SeekableFake, Sink, opened
from helpers.tool import Tool
from helpers.wire import apply_delta, digest_of, encode_trailer, read_delta

OLD = prose(50_000, 1)
NEW = random_edits(OLD, 20, 2)


class WholeFake(SeekableFake):
    """A reader that can be set to its end."""

    def seek(self, position: int, whence: int = os.SEEK_SET) -> None:
        self.at = position + (len(self.data) if whence == os.SEEK_END else 0)

    def tell(self) -> int:
        return self.at


@pytest.fixture
def command(request: pytest.FixtureRequest) -> Tool:
    """The command under test, whose name is that of the package here."""
    tool: Tool = request.getfixturevalue("redelta")
    return tool


@given(edited_pairs())
def test_a_diff_makes_the_new_file(pair: tuple[bytes, bytes]) -> None:
    old, new = pair
    delta = redelta.diff(old, new)
    assert apply_delta(old, delta) == new
    assert delta[read_delta(delta).end :] == encode_trailer(new, basis=old)
    assert redelta.patch(old, delta, verify=True) == new


@given(edited_pairs())
def test_stock_rdiff_applies_it(rdiff: Tool, tmp_path: Path, pair: tuple[bytes, bytes]) -> None:
    old, new = pair
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "delta").write_bytes(redelta.diff(old, new))
    assert rdiff.run("patch", tmp_path / "old", tmp_path / "delta").done() == new


def test_it_is_that_of_the_command(command: Tool, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    for options, how in (([], {}), (["-z"], {"compress": True}), (["--no-verify"], {"verify": False})):
        made = command.run("diff", *options, tmp_path / "old", tmp_path / "new").done()
        assert redelta.diff(OLD, NEW, **how) == made  # type: ignore[arg-type]
        assert redelta.diff(tmp_path / "old", tmp_path / "new", threads=1, **how) == made  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", SOURCES)
def test_the_new_file_may_be_any_source(tmp_path: Path, kind: str) -> None:
    with opened(SOURCES[kind], NEW, tmp_path) as new:
        assert redelta.diff(OLD, new) == redelta.diff(OLD, NEW)


@pytest.mark.parametrize("kind", SEEKABLE)
def test_the_old_file_may_be_any_that_can_be_read_at_any_offset(tmp_path: Path, kind: str) -> None:
    expected = redelta.diff(OLD, NEW)
    with opened(SEEKABLE[kind], OLD, tmp_path) as old:
        if type(old) is SeekableFake:
            with pytest.raises(TypeError):  # it cannot be set to its end
                redelta.diff(old, NEW)
            assert redelta.diff(WholeFake(OLD), NEW) == expected
        else:
            assert redelta.diff(old, NEW) == expected


def test_an_old_file_without_seek_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="seek"):
        redelta.diff(Fake(OLD), NEW)  # type: ignore[arg-type]
    read_end, write_end = os.pipe()
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe, pytest.raises((io.UnsupportedOperation, TypeError)):
        redelta.diff(pipe, NEW)


def test_statistics_have_both_digests(tmp_path: Path) -> None:
    stats = redelta.write_diff(OLD, NEW, tmp_path / "delta")
    delta = (tmp_path / "delta").read_bytes()
    assert delta == redelta.diff(OLD, NEW)
    assert (stats.out_bytes, stats.copy_bytes + stats.literal_bytes) == (len(delta), len(NEW))
    assert (stats.digest, stats.basis_digest, stats.basis_size) == (digest_of(NEW), digest_of(OLD), len(OLD))
    found = redelta.inspect(tmp_path / "delta")
    assert isinstance(found, redelta.DeltaInfo)
    assert (found.stats.basis_digest, found.stats.basis_size) == (digest_of(OLD), len(OLD))
    bare = redelta.write_diff(OLD, OLD, io.BytesIO(), verify=False)
    assert (bare.digest, bare.basis_digest, bare.basis_size, bare.identical) == (None, None, None, True)
    unknown = redelta.write_delta(redelta.signature(OLD), NEW, io.BytesIO())
    assert (unknown.basis_digest, unknown.basis_size) == (None, None)
    empty = redelta.write_diff(b"", NEW, io.BytesIO())
    assert (empty.basis_digest, empty.basis_size) == (digest_of(b""), 0)


def test_any_destination_gets_it(tmp_path: Path) -> None:
    expected = redelta.diff(OLD, NEW)
    sink, memory = Sink(), io.BytesIO()
    redelta.write_diff(OLD, NEW, sink)
    redelta.write_diff(OLD, NEW, memory)
    with (tmp_path / "delta").open("wb") as file:
        redelta.write_diff(OLD, NEW, file)
    assert sink.data == memory.getvalue() == (tmp_path / "delta").read_bytes() == expected
    with pytest.raises(TypeError):
        redelta.write_diff(OLD, NEW, None)  # type: ignore[arg-type]


def test_a_path_of_either_file_may_be_replaced(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / "old").write_bytes(OLD)
        (tmp_path / "new").write_bytes(NEW)
        redelta.write_diff(tmp_path / "old", tmp_path / "new", tmp_path / name)
        assert (tmp_path / name).read_bytes() == redelta.diff(OLD, NEW)


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    with (tmp_path / "old").open("r+b") as file, pytest.raises(redelta.ParameterError):
        redelta.write_diff(file, NEW, file)
    assert (tmp_path / "old").read_bytes() == OLD


@pytest.mark.parametrize("bad", [0, -1, 1 << 64])
def test_memory_out_of_range_is_refused(bad: int) -> None:
    with pytest.raises(redelta.ParameterError, match="max_memory"):
        redelta.diff(OLD, NEW, max_memory=bad)


def test_with_less_memory_the_delta_still_makes_the_new_file() -> None:
    old = noise(4_000_000, 3)
    new = b"".join(old[at : at + 300] for at in range(0, len(old), 3000))
    whole, coarse = redelta.diff(old, new), redelta.diff(old, new, max_memory=1 << 16)
    assert apply_delta(old, whole) == apply_delta(old, coarse) == new
    assert len(whole) < len(coarse)


def test_progress_counts_both_files_and_its_exception_ends_the_work() -> None:
    told: list[tuple[int, int | None]] = []
    redelta.diff(OLD, NEW, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(OLD) + len(NEW),) * 2

    def refuse(done: int, total: int | None) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        redelta.diff(OLD, NEW, progress=refuse)


def test_a_context_is_kept_and_changes_nothing() -> None:
    with redelta.Context() as context:
        for _ in range(3):
            assert redelta.diff(OLD, NEW, context=context) == redelta.diff(OLD, NEW)


def test_the_wrong_basis_is_told(tmp_path: Path) -> None:
    delta = redelta.diff(OLD, NEW)
    for wrong in (OLD + b"!", OLD[:-1] + b"!", OLD[::-1], b""):
        with pytest.raises(redelta.VerifyError, match="basis") as caught:
            redelta.patch(wrong, delta)
        assert caught.value.role == "basis"
