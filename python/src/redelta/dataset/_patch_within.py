"""Large objects, patched within their store: it copies what the delta copies, and only new bytes are sent.

That is what `redelta.store.patch` does, which also proves the new version before it replaces the old one, under the
condition that this is still what it was. For small objects, a new one is put: it takes fewer requests.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import redelta
from redelta.dataset._manifest import Shard
from redelta.dataset._patch_files import PackedItem, wrong_file
from redelta.dataset._patch_rows import Row
from redelta.dataset._places import Place
from redelta.dataset._reader import Dataset
from redelta.dataset._schema import DELTA

if TYPE_CHECKING:
    from redelta.store import Pushed

LARGE = 16 << 20
"""From this size on, in bytes: S3 copies no less than 5 MiB at a time."""
SCHEMES = ("s3://", "s3a://", "az://", "abfs://", "abfss://")
"""Of stores that copy ranges of their own objects."""


def is_for_store(root: Place, row: Row) -> bool:
    """Is this an object that its store can patch?"""
    return row.op == DELTA and row.size >= LARGE and root.url.startswith(SCHEMES)


def patch_within(delta: Dataset, shard: Shard, row: Row, root: Place, name: str) -> Pushed | None:
    """Has a store patch an object; None if a package is missing that this takes. Raises VerifyError if the delta is not
    that of the row, and what `redelta.store.patch` raises."""
    from redelta import store

    start, length = row.pack_offset or 0, row.pack_length or 0
    with closing(delta.place.open(shard.pack)) as pack:
        info = redelta.inspect(PackedItem(pack, start, length))
        if not isinstance(info, redelta.DeltaInfo) or info.stats.digest != row.digest:
            raise wrong_file(row)
        try:
            return store.patch(
                f"{root.url}/{name}", PackedItem(pack, start, length), storage_options=root.options, workers=4
            )
        except store.MissingExtraError:
            return None
