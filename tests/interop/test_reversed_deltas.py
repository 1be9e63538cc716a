"""A delta that is reversed makes the old file of the new one.

Whatever made it: stock rdiff, redelta from a signature or with both files at hand, or nobody, as in a delta that
is made up. Python's reader, stock rdiff and redelta apply what reverse writes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.deltas import Makers, origins_with_dense
from helpers.samples import PAIRS, Pair, edited_pairs
from helpers.tool import Tool

SEEDS = st.integers(0, 1 << 30)


@pytest.fixture
def makers(redelta: Tool, rdiff: Tool, tmp_path: Path) -> Makers:
    return Makers(redelta, rdiff, tmp_path)


@given(edited_pairs(), origins_with_dense, SEEDS)
@example((b"", b""), "diff", 3)
@settings(max_examples=60)
def test_a_reversed_delta_makes_the_old_file(makers: Makers, pair: Pair, origin: str, seed: int) -> None:
    old = pair[1]
    delta, new = makers.make(origin, old, seed)
    back = makers.reverse(old, delta)
    makers.assert_makes(new, back, old)
    makers.assert_makes(old, makers.reverse(new, back), new)


@pytest.mark.parametrize("name", PAIRS)
def test_the_hard_pairs_are_reversed_and_merged_with_the_way_back(makers: Makers, name: str) -> None:
    old, new = PAIRS[name](64)
    old_file, new_file = makers.folder / "hard-old", makers.folder / "hard-new"
    old_file.write_bytes(old)
    new_file.write_bytes(new)
    delta = makers.redelta.run("diff", old_file, new_file).done()
    back = makers.reverse(old, delta)
    makers.assert_makes(new, back, old)
    makers.assert_makes(old, makers.merge([delta, back]), old)
    makers.assert_makes(new, makers.merge([back, delta]), new)
