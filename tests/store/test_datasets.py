"""A prefix of a bucket brought up to date: large objects are patched within the store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import redelta
from helpers.buckets import Bucket
from helpers.samples import noise, random_edits
from helpers.strict_proxy import Rules
from redelta import dataset
from redelta.dataset import _patch_within

MIB = 1 << 20


@pytest.fixture
def bucket(buckets: Callable[[Rules], Bucket]) -> Bucket:
    """One that takes what s3fs puts."""
    return buckets(Rules(guarded=False))


def synchronise(bucket: Bucket, source: Path) -> dataset.Summary:
    with ThreadPoolExecutor(1) as threads:
        return dataset.sync(
            source, bucket.url("data"), executor=threads, dest_options=bucket.options, state=source.with_name("state")
        )


def test_only_new_bytes_of_a_large_object_are_sent(bucket: Bucket, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    old = noise(24 * MIB, 1)
    (source / "large").write_bytes(old)
    (source / "small").write_bytes(noise(100_000, 2))
    synchronise(bucket, source)
    assert bucket.get("data/large") == old
    new = random_edits(old, 3, 3)
    (source / "large").write_bytes(new)
    bucket.proxy.reset()
    assert synchronise(bucket, source).files == 1
    assert bucket.get("data/large") == new
    assert bucket.proxy.sent() < MIB
    assert bucket.proxy.count() < 80
    assert bucket.keys() == ["data/large", "data/small"]
    assert bucket.uploads() == []


def test_an_object_that_an_earlier_run_has_patched_is_left_as_it_is(bucket: Bucket, tmp_path: Path) -> None:
    source, delta = tmp_path / "source", tmp_path / "delta"
    source.mkdir()
    old = noise(17 * MIB, 1)
    new = old[:1000] + b"edit" + old[1004:]  # of the same size
    bucket.put("data/large", old)
    (source / "large").write_bytes(new)
    with ThreadPoolExecutor(1) as threads:
        given = {"executor": threads, "storage_options": bucket.options}
        dataset.write_signature(bucket.url("data"), tmp_path / "signature", **given)  # type: ignore[arg-type]
        dataset.write_delta(tmp_path / "signature", source, delta, executor=threads)
        bucket.proxy.reset()
        dataset.write_patch(delta, bucket.url("data"), **given)  # type: ignore[arg-type]
        assert bucket.get("data/large") == new
        assert bucket.proxy.count() < 80  # not one for every 4 KiB of the first part, which is sent
        dataset.write_patch(delta, bucket.url("data"), **given)  # type: ignore[arg-type]
        assert bucket.get("data/large") == new
        bucket.put("data/large", bytes(len(old)))
        with pytest.raises(dataset.DatasetError, match="large"):
            dataset.write_patch(delta, bucket.url("data"), **given)  # type: ignore[arg-type]
    assert bucket.get("data/large") == bytes(len(old))
    assert bucket.keys() == ["data/large"]


def test_without_the_package_of_the_store_an_object_is_made_here(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redelta import store

    def missing(*_: object, **__: object) -> None:
        raise store.MissingExtraError("boto3 is needed", url="")

    source = tmp_path / "source"
    source.mkdir()
    old = noise(17 * MIB, 1)
    (source / "large").write_bytes(old)
    synchronise(bucket, source)
    (source / "large").write_bytes(old + b"more")
    monkeypatch.setattr(store, "patch", missing)
    synchronise(bucket, source)
    assert bucket.get("data/large") == old + b"more"
    assert len(old) > _patch_within.LARGE
    assert redelta.digest(source / "large") == redelta.digest(bucket.get("data/large"))
