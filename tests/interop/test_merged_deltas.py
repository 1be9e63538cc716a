"""Deltas that are merged make what they make one after the other.

Whatever made them: stock rdiff, redelta from a signature or with both files at hand, or nobody, as in deltas that are
made up. Python's reader, stock rdiff and redelta apply what merge writes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.deltas import Makers, origins, origins_with_dense
from helpers.samples import Pair, edited_pairs, noise, random_edits
from helpers.tool import Tool
from helpers.wire import literal_bytes, read_delta

SEEDS = st.integers(0, 1 << 30)


@pytest.fixture
def makers(redelta: Tool, rdiff: Tool, tmp_path: Path) -> Makers:
    return Makers(redelta, rdiff, tmp_path)


@given(edited_pairs(), st.lists(st.tuples(origins, SEEDS), min_size=1, max_size=4))
@settings(max_examples=60)
def test_merged_deltas_make_what_they_make_one_by_one(makers: Makers, pair: Pair, chain: list[tuple[str, int]]) -> None:
    basis = current = pair[1]
    deltas = []
    for origin, seed in chain:
        delta, current = makers.make(origin, current, seed)
        deltas.append(delta)
    makers.assert_makes(basis, makers.merge(deltas), current)


@given(edited_pairs(), st.lists(st.tuples(origins_with_dense, SEEDS), min_size=1, max_size=4))
@settings(max_examples=50)
def test_dense_deltas_are_merged_with_the_first_version_at_hand(
    makers: Makers, pair: Pair, chain: list[tuple[str, int]]
) -> None:
    """Wherever in the chain they are."""
    basis = current = pair[1]
    deltas = []
    for origin, seed in chain:
        delta, current = makers.make(origin, current, seed)
        deltas.append(delta)
    first = makers.folder / "first"
    first.write_bytes(basis)
    makers.assert_makes(basis, makers.merge(deltas, "--basis", str(first)), current)


@given(edited_pairs(), st.lists(st.tuples(origins_with_dense, SEEDS), min_size=2, max_size=3))
@settings(max_examples=60)
def test_a_merge_that_needs_a_file_says_so(makers: Makers, pair: Pair, chain: list[tuple[str, int]]) -> None:
    """A dense delta has no meaning without its old file: a chain with one is refused, or the result is right."""
    basis = current = pair[1]
    paths = []
    for number, (origin, seed) in enumerate(chain):
        delta, current = makers.make(origin, current, seed)
        paths.append(makers.folder / f"{number}.delta")
        paths[-1].write_bytes(delta)
    result = makers.redelta.run("merge", *paths)
    if result.status == 0:
        makers.assert_makes(basis, result.out, current)
    else:
        assert "diff --dense" in [origin for origin, _ in chain]
        assert result.err


@given(edited_pairs(), st.lists(st.tuples(origins, SEEDS), min_size=3, max_size=3))
@settings(max_examples=40)
def test_it_does_not_matter_in_which_order_deltas_are_merged(
    makers: Makers, pair: Pair, chain: list[tuple[str, int]]
) -> None:
    """All at once, or the first two first, or the last two first."""
    current = pair[1]
    deltas = []
    for origin, seed in chain:
        delta, current = makers.make(origin, current, seed)
        deltas.append(delta)
    one, two, three = deltas
    whole = read_delta(makers.merge(deltas)).commands
    assert read_delta(makers.merge([makers.merge([one, two]), three])).commands == whole
    assert read_delta(makers.merge([one, makers.merge([two, three])])).commands == whole


def test_a_merged_delta_has_no_bytes_that_the_basis_has_and_both_deltas_copied(makers: Makers) -> None:
    """What comes from the basis through both deltas is copied from it, not kept as bytes."""
    old = noise(200_000, 1)
    middle = random_edits(old, 10, 2)
    new = random_edits(middle, 10, 3)
    files = [makers.folder / name for name in ("a", "b", "c")]
    for path, data in zip(files, (old, middle, new), strict=True):
        path.write_bytes(data)
    deltas = [makers.redelta.run("diff", *pair).done() for pair in (files[:2], files[1:])]
    merged = read_delta(makers.merge(deltas)).commands
    assert literal_bytes(merged) <= sum(literal_bytes(read_delta(delta).commands) for delta in deltas)
    makers.assert_makes(old, makers.merge(deltas), new)
