"""The end of the new file, which may lie anywhere in the segments and parts that threads parse."""

from __future__ import annotations

import io

import pytest

import redelta
from helpers.samples import noise

PART = 256 * 1024
"""Of a segment, which has four, unless blocks are long."""


@pytest.mark.parametrize("block_len", [700, 2048, 65_536, 100_000])
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5, 8])
def test_the_short_block_at_the_end_is_found(block_len: int, parts: int) -> None:
    """It starts in one part and ends in the next, which is shorter than a block: both are read as one."""
    for beyond in (1, 100, block_len // 3 - 1, block_len - 1, block_len, block_len + 1):
        size = parts * PART + beyond
        old = noise((size // block_len - 1) * block_len + block_len // 3, beyond)
        new = noise(size - len(old), 1_000_000 + beyond) + old
        signature = redelta.Signature.build(old, block_len=block_len)
        delta = redelta.delta(signature, new)
        info = redelta.inspect(delta)
        assert isinstance(info, redelta.DeltaInfo)
        assert info.stats.copy_bytes == len(old), beyond
        assert delta == redelta.DeltaReader(signature, io.BytesIO(new)).read()
        assert redelta.patch(old, delta) == new
