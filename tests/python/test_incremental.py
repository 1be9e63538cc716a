"""Signer, DeltaEncoder and Patcher: any pieces give the same bytes, and misuse is told."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import edited_pairs, noise, random_edits
from helpers.sources import SeekableFake
from helpers.threads import run_threads
from helpers.wire import Copy, encode_delta

BASIS = noise(50_000, 1)
NEW = random_edits(BASIS, 20, 2)
SIGNATURE = redelta.Signature.load(redelta.signature(BASIS, block_len=512))
DELTA = redelta.delta(SIGNATURE, NEW)

Incremental = redelta.Signer | redelta.DeltaEncoder | redelta.Patcher


def pieces(data: bytes, lengths: list[int]) -> Iterator[bytes]:
    """The bytes in pieces of these lengths, in turns."""
    at = turn = 0
    while at < len(data):
        length = lengths[turn % len(lengths)]
        yield data[at : at + length]
        at += length
        turn += 1


def run(worker: Incremental, data: bytes, lengths: list[int]) -> bytes:
    return b"".join(worker.update(piece) for piece in pieces(data, lengths)) + worker.finish()


LENGTHS = st.lists(st.integers(1, 5000), min_size=1, max_size=4)


@given(edited_pairs(), LENGTHS, st.integers(1, 600))
def test_any_pieces_give_what_one_call_gives(pair: tuple[bytes, bytes], lengths: list[int], block_len: int) -> None:
    basis, new = pair
    signature = redelta.signature(basis, block_len=block_len)
    assert run(redelta.Signer(block_len=block_len), basis, lengths) == signature
    delta = run(redelta.DeltaEncoder(redelta.Signature.load(signature)), new, lengths)
    assert delta == redelta.delta(signature, new)
    with redelta.Patcher(basis) as patcher:
        assert run(patcher, delta, lengths) == new


def test_large_pieces_give_what_one_call_gives() -> None:
    basis = noise(5_000_000, 3)
    new = random_edits(basis, 40, 4)
    signature = redelta.signature(basis, block_len=2048)
    assert run(redelta.Signer(), basis, [3_000_001]) == signature
    delta = run(redelta.DeltaEncoder(redelta.Signature.load(signature)), new, [3_000_001])
    assert delta == redelta.delta(signature, new)
    assert run(redelta.Patcher(SeekableFake(basis)), delta, [3_000_001]) == new


def test_a_few_bytes_can_make_many() -> None:
    basis = noise(10_000_000, 5)
    delta = encode_delta([Copy(0, len(basis))] * 3)
    assert run(redelta.Patcher(basis), delta, [len(delta)]) == basis * 3
    with pytest.raises(redelta.LimitError):
        redelta.Patcher(basis, max_output=2 * len(basis)).update(delta)


@given(edited_pairs(), LENGTHS, st.integers(0, 3000))
def test_output_comes_in_bounds(pair: tuple[bytes, bytes], lengths: list[int], most: int) -> None:
    basis, new = pair
    delta = redelta.delta(redelta.signature(basis, block_len=100), new)
    made = []
    with redelta.Patcher(basis) as patcher:
        for piece in pieces(delta, lengths):
            made.append(patcher.update(piece, most))
            while most and not patcher.needs_input and not patcher.eof:
                made.append(patcher.update(b"", most))
        assert all(len(part) <= most for part in made)
        made.append(patcher.finish())
        assert patcher.eof
    assert b"".join(made) == new


def test_little_that_makes_much_is_given_bit_by_bit() -> None:
    delta = encode_delta([Copy(0, len(BASIS))] * 1_000_000)
    with redelta.Patcher(BASIS) as patcher:
        assert patcher.update(delta, 1000) == BASIS[:1000]
        assert not patcher.needs_input
        assert patcher.update(b"", 100) == BASIS[1000:1100]


def test_buffers_of_every_kind_are_taken() -> None:
    for piece in (b"abc", bytearray(b"abc"), memoryview(b"abc")):
        signer = redelta.Signer()
        signer.update(piece)
        assert signer.stats.in_bytes == 3
    for wrong in ("abc", 7, None, ["abc"]):
        with pytest.raises(TypeError):
            redelta.Signer().update(wrong)  # type: ignore[arg-type]


def test_a_finished_one_takes_no_more() -> None:
    for worker in (redelta.Signer(), redelta.DeltaEncoder(SIGNATURE)):
        worker.finish()
        assert worker.finish() == b""
        with pytest.raises(redelta.RedeltaError, match="ended"):
            worker.update(b"more")


def test_a_failed_one_takes_no_more() -> None:
    patcher = redelta.Patcher(BASIS)
    with pytest.raises(redelta.BadMagicError):
        patcher.update(b"rubbish")
    with pytest.raises(redelta.RedeltaError, match="ended"):
        patcher.update(DELTA)
    with pytest.raises(redelta.RedeltaError, match="ended"):
        patcher.finish()
    assert patcher.stats.out_bytes == 0


def test_what_follows_a_delta_is_an_error_unless_it_is_not_looked_at() -> None:
    with pytest.raises(redelta.CorruptError, match="continues after its end"):
        redelta.Patcher(BASIS).update(DELTA + b"more")
    patcher = redelta.Patcher(BASIS)
    patcher.update(DELTA)
    with pytest.raises(redelta.CorruptError, match="continues after its end"):
        patcher.update(b"more")
    patcher = redelta.Patcher(BASIS, verify=False)
    assert patcher.update(DELTA + b"more") + patcher.update(b"and more") + patcher.finish() == NEW


def test_verdicts_come_at_the_end() -> None:
    for basis, verify in ((bytes(len(BASIS)), True), (bytes(len(BASIS)), "auto")):
        patcher = redelta.Patcher(basis, verify=verify)  # type: ignore[arg-type]
        patcher.update(DELTA[:-1])
        with pytest.raises(redelta.VerifyError):
            patcher.update(DELTA[-1:])
    bare = redelta.delta(SIGNATURE, NEW, verify=False)
    patcher = redelta.Patcher(BASIS, verify=True)
    patcher.update(bare)
    with pytest.raises(redelta.VerifyError, match="verify=True"):
        patcher.finish()
    with redelta.Patcher(BASIS) as lenient:
        assert lenient.update(bare) + lenient.finish() == NEW


def test_a_truncated_delta_is_told_at_the_end() -> None:
    patcher = redelta.Patcher(BASIS)
    patcher.update(DELTA[:-60])
    with pytest.raises(redelta.TruncatedError):
        patcher.finish()


def test_a_patcher_leaves_its_basis_to_others(tmp_path: Path) -> None:
    path = tmp_path / "basis"
    path.write_bytes(BASIS)
    with path.open("rb") as file:
        file.read(100)
        with redelta.Patcher(file) as patcher:
            assert file.read(100) == BASIS[100:200]
            made = patcher.update(DELTA)
            assert file.read(100) == BASIS[200:300]
            assert made + patcher.finish() == NEW
        assert file.read(100) == BASIS[300:400]


def test_a_closed_patcher_does_no_more() -> None:
    patcher = redelta.Patcher(BASIS)
    patcher.close()
    patcher.close()
    with pytest.raises(redelta.RedeltaError, match="ended"):
        patcher.update(DELTA)
    assert patcher.stats == redelta.Stats()


def test_a_delta_needs_a_loaded_signature() -> None:
    with pytest.raises(TypeError, match=r"Signature\.load"):
        redelta.DeltaEncoder(bytes(SIGNATURE))  # type: ignore[arg-type]


# ---- Re-entrance and threads ----------------------------------------------------------------------------------------


class Reentrant(SeekableFake):
    """A basis that calls what reads it."""

    patcher: redelta.Patcher

    def read(self, size: int) -> Any:
        self.patcher.update(b"")
        return super().read(size)


def test_a_basis_that_calls_its_patcher_is_told_so() -> None:
    basis = Reentrant(BASIS)
    basis.patcher = redelta.Patcher(basis)
    with pytest.raises(redelta.RedeltaError, match="in use"):
        basis.patcher.update(DELTA)


def test_a_basis_that_asks_for_the_numbers_is_told_so_too() -> None:
    class Asking(Reentrant):
        def read(self, size: int) -> Any:
            return self.patcher.stats

    basis = Asking(BASIS)
    basis.patcher = redelta.Patcher(basis)
    with pytest.raises(redelta.RedeltaError, match="in use"):
        basis.patcher.update(DELTA)


def test_threads_that_share_one_wait_for_each_other() -> None:
    """Whatever the order: all blocks are equal, so the signature is that of so many bytes."""
    signer = redelta.Signer(block_len=1024)
    parts: list[bytes] = []

    def work(_: int) -> None:
        for _ in range(40):
            parts.append(signer.update(bytes(100 * 1024)))

    run_threads(work, 4)
    parts.append(signer.finish())
    assert sorted(b"".join(parts)) == sorted(redelta.signature(bytes(160 * 100 * 1024), block_len=1024))
    assert signer.stats.in_bytes == 160 * 100 * 1024


def test_threads_share_a_signature() -> None:
    results: list[bytes] = []

    def work(seed: int) -> None:
        new = random_edits(BASIS, 10, seed)
        results.append(b"" if redelta.patch(BASIS, redelta.delta(SIGNATURE, new)) != new else b"good")

    run_threads(work, 16)
    assert results == [b"good"] * 16


def test_what_is_at_work_is_not_copied() -> None:
    for piecewise in (redelta.Signer(), redelta.DeltaEncoder(SIGNATURE), redelta.Patcher(BASIS)):
        for take in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot be copied or pickled"):
                take(piecewise)
