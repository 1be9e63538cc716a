"""Deltas that lead back, and dense deltas: what they make, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import edited_pairs, noise, prose, random_edits
from helpers.sources import SEEKABLE, SOURCES, SeekableFake, Sink, opened
from helpers.tool import WITHOUT, Tool
from helpers.wire import apply_delta, digest_of, encode_trailer, read_delta

OLD = prose(40_000, 1)
NEW = random_edits(OLD, 12, 2)
DELTA = redelta.diff(OLD, NEW)
BACK = redelta.reverse(OLD, DELTA)

zstd = pytest.mark.skipif("zstd" in WITHOUT, reason="a dense delta is coded by zstd")


@pytest.fixture
def command(request: pytest.FixtureRequest) -> Tool:
    """The command under test, whose name is that of the package here."""
    tool: Tool = request.getfixturevalue("redelta")
    return tool


# ---- Back -----------------------------------------------------------------------------------------------------------


@given(edited_pairs(), st.sampled_from(["diff", "delta", "rdiff"]), st.booleans())
def test_the_new_file_becomes_the_old_one(
    rdiff: Tool, tmp_path: Path, pair: tuple[bytes, bytes], maker: str, compress: bool
) -> None:
    old, new = pair
    signature = redelta.signature(old, block_len=50)
    if maker == "rdiff":
        (tmp_path / "signature").write_bytes(signature)
        (tmp_path / "new").write_bytes(new)
        delta = rdiff.run("delta", tmp_path / "signature", tmp_path / "new").done()
    elif maker == "delta":
        delta = redelta.delta(signature, new, compress=compress)
    else:
        delta = redelta.diff(old, new, compress=compress)
    back = redelta.reverse(old, delta)
    assert apply_delta(new, back) == old
    assert back[read_delta(back).end :] == encode_trailer(old, basis=new)
    assert redelta.patch(new, back, verify=True) == old
    assert apply_delta(old, redelta.reverse(new, back)) == new


def test_it_is_the_direct_delta() -> None:
    assert redelta.diff(NEW, OLD) == BACK


def test_it_is_that_of_the_command(command: Tool, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "delta").write_bytes(DELTA)
    cases: list[tuple[list[str], dict[str, Any]]] = [
        ([], {}),
        (["-z"], {"compress": True}),
        (["--no-verify"], {"verify": False}),
    ]
    for options, how in cases:
        made = command.run("reverse", *options, tmp_path / "old", tmp_path / "delta").done()
        assert redelta.reverse(tmp_path / "old", tmp_path / "delta", **how) == made
        assert redelta.reverse(OLD, DELTA, threads=1, **how) == made


@pytest.mark.parametrize("kind", SOURCES)
def test_the_delta_may_be_any_source(tmp_path: Path, kind: str) -> None:
    with opened(SOURCES[kind], DELTA, tmp_path) as delta:
        assert redelta.reverse(OLD, delta) == BACK
        if isinstance(delta, io.BytesIO | io.BufferedReader | io.FileIO) and delta.seekable():
            assert delta.tell() == len(DELTA)


@pytest.mark.parametrize("kind", SEEKABLE)
def test_the_old_file_may_be_any_that_can_be_read_at_any_offset(tmp_path: Path, kind: str) -> None:
    with opened(SEEKABLE[kind], OLD, tmp_path) as old:
        if type(old) is not SeekableFake:  # which cannot be set to its end
            assert redelta.reverse(old, DELTA) == BACK


def test_any_destination_gets_it(tmp_path: Path) -> None:
    sink, memory, path = Sink(), io.BytesIO(), tmp_path / "delta"
    redelta.write_reversed(OLD, DELTA, sink)
    stats = redelta.write_reversed(OLD, DELTA, memory)
    path.write_bytes(DELTA)
    redelta.write_reversed(OLD, path, path)
    assert sink.data == memory.getvalue() == path.read_bytes() == BACK
    assert (stats.out_bytes, stats.copy_bytes + stats.literal_bytes) == (len(BACK), len(OLD))
    assert (stats.digest, stats.basis_digest, stats.basis_size) == (digest_of(OLD), digest_of(NEW), len(NEW))


@pytest.mark.parametrize("wrong", [OLD + b"!", OLD[:-1], b"", OLD[:1000] + b"#" + OLD[1001:]])
def test_another_old_file_is_told(tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(redelta.VerifyError) as caught:
        redelta.write_reversed(wrong, DELTA, tmp_path / "out")
    assert caught.value.role == "basis"
    assert not (tmp_path / "out").exists()


def test_a_delta_that_is_none_is_told() -> None:
    for bad, kind in ((b"text", redelta.BadMagicError), (DELTA[:-1], redelta.TruncatedError)):
        with pytest.raises(kind) as caught:
            redelta.reverse(OLD, bad)
        assert caught.value.role == "delta"
    with pytest.raises(redelta.LimitError):
        redelta.reverse(OLD, DELTA, max_memory=10)


# ---- Dense ----------------------------------------------------------------------------------------------------------


@zstd
@given(edited_pairs())
def test_a_dense_delta_makes_the_new_file(pair: tuple[bytes, bytes]) -> None:
    old, new = pair
    dense = redelta.diff(old, new, dense=True)
    plain = redelta.expand(old, dense)
    assert redelta.patch(old, dense, verify=True) == new
    assert apply_delta(old, plain) == new
    assert plain[read_delta(plain).end :] == encode_trailer(new, basis=old)


@zstd
def test_dense_deltas_are_those_of_the_command(command: Tool, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    dense = command.run("diff", "--dense", tmp_path / "old", tmp_path / "new").done()
    assert redelta.diff(OLD, NEW, dense=True) == dense
    assert (
        redelta.diff(OLD, NEW, dense=True, compress=5)
        == command.run("diff", "--dense", "-z5", tmp_path / "old", tmp_path / "new").done()
    )
    (tmp_path / "dense").write_bytes(dense)
    assert redelta.expand(OLD, dense) == command.run("expand", tmp_path / "old", tmp_path / "dense").done()
    assert redelta.reverse(OLD, DELTA, dense=True) == redelta.diff(NEW, OLD, dense=True)


@zstd
@pytest.mark.parametrize("kind", SOURCES)
def test_a_dense_delta_may_be_any_source(tmp_path: Path, kind: str) -> None:
    dense = redelta.diff(OLD, NEW, dense=True)
    with opened(SOURCES[kind], dense, tmp_path) as delta:
        assert redelta.patch(OLD, delta) == NEW
    with opened(SOURCES[kind], dense, tmp_path) as delta:
        assert redelta.expand(OLD, delta) == redelta.expand(OLD, dense)


@zstd
def test_it_is_written_to_any_destination(tmp_path: Path) -> None:
    dense = redelta.diff(OLD, NEW, dense=True)
    plain = redelta.expand(OLD, dense)
    sink, path = Sink(), tmp_path / "delta"
    path.write_bytes(dense)
    redelta.write_expanded(OLD, dense, sink)
    stats = redelta.write_expanded(OLD, path, path)
    assert sink.data == path.read_bytes() == plain
    assert (stats.digest, stats.basis_digest) == (digest_of(NEW), digest_of(OLD))
    assert stats.copy_bytes + stats.literal_bytes == len(NEW)


@zstd
def test_inspect_tells_it() -> None:
    dense = redelta.diff(OLD, NEW, dense=True)
    found, plain = redelta.inspect(dense), redelta.inspect(redelta.expand(OLD, dense))
    assert isinstance(found, redelta.DeltaInfo)
    assert isinstance(plain, redelta.DeltaInfo)
    assert (found.dense, plain.dense, found.kind) == (True, False, "delta")
    assert list(found.ops) == list(plain.ops)
    assert (found.size, found.basis_least) == (len(NEW), plain.basis_least)
    assert found.basis_size == plain.basis_size == len(OLD)
    assert (found.stats.digest, found.stats.basis_digest) == (digest_of(NEW), digest_of(OLD))


@zstd
@pytest.mark.parametrize("wrong", [OLD + b"!", b"", OLD[:1000] + b"#" + OLD[1001:], NEW])
def test_another_old_file_is_told_before_anything_is_written(wrong: bytes) -> None:
    dense = redelta.diff(OLD, NEW, dense=True)
    operations: list[Any] = [redelta.write_expanded, redelta.write_patch]
    for operation in operations:
        sink = Sink()
        with pytest.raises(redelta.VerifyError) as caught:
            operation(wrong, dense, sink)
        assert (caught.value.role, sink.data) == ("basis", b"")


@zstd
def test_what_is_no_dense_delta_is_told() -> None:
    dense = redelta.diff(OLD, NEW, dense=True)
    with pytest.raises(redelta.BadMagicError):
        redelta.expand(OLD, DELTA)
    for size in (0, 3, 50, len(dense) - 1):
        with pytest.raises((redelta.TruncatedError, redelta.BadMagicError)):
            redelta.expand(OLD, dense[:size])
    with pytest.raises(redelta.LimitError):
        redelta.expand(OLD, dense, max_output=10)
    with pytest.raises(redelta.LimitError):
        redelta.expand(OLD, dense, max_memory=10)
    with pytest.raises(redelta.ParameterError, match="verify"):
        redelta.diff(OLD, NEW, dense=True, verify=False)


@zstd
def test_many_files_are_diffed_in_one_context() -> None:
    with redelta.Context() as context:
        for seed in range(5):
            old = noise(3000, seed)
            new = random_edits(old, 3, seed)
            dense = redelta.diff(old, new, dense=True, context=context)
            assert redelta.patch(old, dense, context=context) == new
            delta = redelta.expand(old, dense, context=context)
            assert redelta.patch(new, redelta.reverse(old, delta, context=context), context=context) == old
