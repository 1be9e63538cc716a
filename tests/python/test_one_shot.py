"""The functions of one call: results are those of stock rdiff and of an independent reader, for every source."""

from __future__ import annotations

import io
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import edited_pairs, noise, random_edits
from helpers.sources import SEEKABLE, SOURCES, opened
from helpers.tool import Tool
from helpers.wire import STRONG_LENGTHS, apply_delta, assert_canonical, blake2_signature, read_signature, verdict
from redelta._types import Hash

BASIS = noise(50_000, 1)
NEW = random_edits(BASIS, 20, 2)
HASHES: tuple[Hash, ...] = get_args(Hash)
WEAK_OF_RDIFF = {"rk": "rabinkarp"}


@pytest.mark.parametrize("hash", HASHES)
@pytest.mark.parametrize("strong_len", [None, "least", 1, 8, 16])
def test_a_signature_is_stocks(rdiff: Tool, tmp_path: Path, hash: Hash, strong_len: redelta.StrongLength) -> None:
    basis = tmp_path / "basis"
    basis.write_bytes(BASIS)
    weak, strong = hash.split("-")
    full = STRONG_LENGTHS[strong]
    number = full if strong_len is None else -1 if strong_len == "least" else strong_len
    for block_len in (None, 1000):
        options = ["-R", WEAK_OF_RDIFF.get(weak, weak), "-H", strong, "-b", str(block_len or 0), "-S", str(number)]
        stock = rdiff.run("signature", *options, basis).done()
        assert redelta.signature(BASIS, block_len=block_len, strong_len=strong_len, hash=hash) == stock


def test_the_defaults_of_a_signature_are_stocks(rdiff: Tool, tmp_path: Path) -> None:
    basis = tmp_path / "basis"
    basis.write_bytes(BASIS)
    assert redelta.signature(basis) == rdiff.run("signature", basis).done()


@given(edited_pairs(), st.integers(1, 3000), st.booleans())
def test_a_delta_is_canonical_and_makes_the_new_file(pair: tuple[bytes, bytes], block_len: int, verify: bool) -> None:
    basis, new = pair
    signature = redelta.signature(basis, block_len=block_len)
    assert signature == blake2_signature(basis, "rabinkarp", block_len, 32)
    delta = redelta.delta(signature, new, verify=verify)
    assert apply_delta(basis, delta) == new
    if verify:
        assert_canonical(delta, new)
        assert not verdict(basis, delta).statuses
    assert redelta.patch(basis, delta) == new


def test_it_is_told_whether_the_files_are_identical() -> None:
    for basis, new in ((BASIS, BASIS), (BASIS, NEW), (b"", b""), (BASIS, BASIS + b"x"), (BASIS, BASIS[:-1])):
        signature = redelta.signature(basis, block_len=1000)
        delta = io.BytesIO()
        assert redelta.write_delta(signature, new, delta).identical == (basis == new)
        assert redelta.write_patch(basis, delta.getvalue(), io.BytesIO()).identical == (basis == new)
        encoder = redelta.DeltaEncoder(redelta.Signature.load(signature))
        encoder.update(new)
        encoder.finish()
        assert encoder.stats.identical == (basis == new)


def test_stock_applies_our_delta_and_we_apply_stocks(rdiff: Tool, tmp_path: Path) -> None:
    for name, data in (("basis", BASIS), ("new", NEW)):
        (tmp_path / name).write_bytes(data)
    signature = tmp_path / "signature"
    signature.write_bytes(rdiff.run("signature", tmp_path / "basis").done())
    ours, stocks = tmp_path / "ours", tmp_path / "stocks"
    redelta.write_delta(signature, tmp_path / "new", ours)
    assert rdiff.run("patch", tmp_path / "basis", ours).done() == NEW
    stocks.write_bytes(rdiff.run("delta", signature, tmp_path / "new").done())
    assert redelta.patch(BASIS, stocks) == NEW


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same(kind: str, tmp_path: Path) -> None:
    expected = redelta.signature(BASIS, block_len=512)
    delta = redelta.delta(expected, NEW)
    with opened(SOURCES[kind], BASIS, tmp_path) as source:
        assert redelta.signature(source, block_len=512) == expected
    with opened(SOURCES[kind], expected, tmp_path) as source:
        assert bytes(redelta.Signature.load(source)) == expected
    with opened(SOURCES[kind], expected, tmp_path) as source:
        assert redelta.delta(source, NEW) == delta
    with opened(SOURCES[kind], NEW, tmp_path) as source:
        assert redelta.delta(expected, source) == delta
    with opened(SOURCES[kind], delta, tmp_path) as source:
        assert redelta.patch(BASIS, source) == NEW


@pytest.mark.parametrize("kind", SEEKABLE)
def test_every_basis_gives_the_same(kind: str, tmp_path: Path) -> None:
    delta = redelta.delta(redelta.signature(BASIS), NEW)
    with opened(SEEKABLE[kind], BASIS, tmp_path) as basis:
        assert redelta.patch(basis, delta) == NEW
        assert redelta.patch(basis, delta) == NEW  # from its beginning, wherever it stands


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_may_be_empty(kind: str, tmp_path: Path) -> None:
    with opened(SOURCES[kind], b"", tmp_path) as source:
        assert read_signature(redelta.signature(source)).sums == ()
    with opened(SOURCES[kind], b"", tmp_path) as source:
        delta = redelta.delta(redelta.signature(BASIS), source)
    assert redelta.patch(b"", delta) == b""


def test_the_result_does_not_depend_on_threads() -> None:
    basis = noise(5_000_000, 3)
    new = random_edits(basis, 50, 4)
    signatures = [redelta.signature(basis, threads=threads) for threads in (1, 2, 3, 7, None)]
    assert len(set(signatures)) == 1
    deltas = [redelta.delta(signatures[0], new, threads=threads) for threads in (1, 2, 3, 7, None)]
    assert len(set(deltas)) == 1
    assert all(redelta.patch(basis, deltas[0], threads=threads) == new for threads in (1, 2, None))


def test_a_large_patch_in_memory_is_right_whatever_its_sources(tmp_path: Path) -> None:
    basis = noise(3_000_000, 5)
    new = random_edits(basis, 30, 6)
    delta = redelta.delta(redelta.signature(basis), new)
    for kind in ("bytes", "Path", "seekable fake"):
        with opened(SEEKABLE[kind], basis, tmp_path) as source:
            assert redelta.patch(source, delta) == new
        with opened(SEEKABLE[kind], delta, tmp_path) as source:
            assert redelta.patch(basis, source) == new


def test_a_loaded_signature_serves_many_deltas() -> None:
    signature = redelta.Signature.load(redelta.signature(BASIS))
    for seed in range(5):
        new = random_edits(BASIS, 5, seed)
        assert redelta.patch(BASIS, redelta.delta(signature, new)) == new


def test_the_version_is_the_librarys() -> None:
    assert redelta.__version__.count(".") == 2
