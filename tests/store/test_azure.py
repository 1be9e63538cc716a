"""push, pull, patch and verify on Azure's block blobs: against Azurite, if it is installed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, ContentSettings

import redelta
from helpers.azurite import azurite, azurite_server
from helpers.buckets import MIB, edited, noise
from redelta import store
from redelta.store import _azure, _staging

pytestmark = pytest.mark.skipif(azurite() is None, reason="azurite is not installed: scripts/setup azurite")


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = azurite()
    assert program is not None
    with azurite_server(program, tmp_path_factory.mktemp("azurite")) as connection:
        yield connection


@pytest.fixture
def container(connection: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A new container; its options are those of storage_options."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name)[-60:].strip("-")
    with BlobServiceClient.from_connection_string(connection) as service:
        made = service.create_container(name)
        made.options = {"connection_string": connection}
        made.url_of = lambda key: f"az://{name}/{key}"
        yield made


def data_of(container: Any, key: str = "key") -> bytes:
    data: bytes = container.download_blob(key).readall()
    return data


def names(container: Any) -> list[str]:
    return sorted(container.list_blob_names())


def test_only_new_bytes_are_sent(container: Any) -> None:
    old = noise(8 * MIB)
    settings = ContentSettings(content_type="x/y", cache_control="max-age=3")
    container.upload_blob("key", old, metadata={"colour": "green"}, content_settings=settings, tags={"a": "b"})
    url, options = container.url_of("key"), container.options
    store.sign(url, storage_options=options)
    for seed in range(3):
        old = edited(old, 4, seed)
        made = store.push(old, url, storage_options=options)
        assert (made.mode, made.verified) == ("exact", "blocks")
        assert made.uploaded == made.literal_bytes < 20_000
        assert data_of(container) == old
    found = container.get_blob_client("key").get_blob_properties()
    assert (found.metadata, found.content_settings.content_type) == ({"colour": "green"}, "x/y")
    assert found.content_settings.cache_control == "max-age=3"
    assert container.get_blob_client("key").get_blob_tags() == {"a": "b"}
    assert store.verify(url, storage_options=options).digest == redelta.digest(old).hex()
    assert store.push(old, url, storage_options=options).mode == "same"
    out = io.BytesIO()
    pulled = store.pull(url, edited(old, 3, 7), out, storage_options=options)
    assert out.getvalue() == old
    assert pulled.fetched < 20_000
    assert names(container) == ["key", "key.sig.zst"]


def test_new_blobs(container: Any) -> None:
    for size in (0, 1, 20 * MIB):
        store.push(noise(size), container.url_of(f"key-{size}"), storage_options=container.options)
        assert data_of(container, f"key-{size}") == noise(size)
    with pytest.raises(FileNotFoundError):
        store.sign(container.url_of("none"), storage_options=container.options)


def test_a_signature_of_another_blob_makes_no_wrong_version(container: Any) -> None:
    old, other = noise(2 * MIB), noise(2 * MIB, 2)
    container.upload_blob("key", old)
    with pytest.raises(redelta.VerifyError, match="the store found other bytes"):
        store.push(
            edited(other, 1),
            container.url_of("key"),
            signature=redelta.signature(other),
            mode="exact",
            storage_options=container.options,
        )
    assert data_of(container) == old


@pytest.mark.parametrize("name", ["stage_block_from_url", "commit_block_list"])
def test_a_blob_that_changes_meanwhile_is_refused(container: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    old = noise(2 * MIB)
    container.upload_blob("key", old)
    call = _azure.AzureStore.call

    def meddle(self: Any, key: str, called: str, *values: Any, **more: Any) -> Any:
        if called == name:
            container.upload_blob("key", b"theirs", overwrite=True)
        return call(self, key, called, *values, **more)

    monkeypatch.setattr(_azure.AzureStore, "call", meddle)
    with pytest.raises(store.ObjectChangedError, match="was replaced by somebody else"):
        store.push(
            edited(old, 1),
            container.url_of("key"),
            signature=redelta.signature(old),
            mode="exact",
            storage_options=container.options,
        )
    assert data_of(container) == b"theirs"


def test_a_delta_is_applied_within_the_store(container: Any) -> None:
    old = noise(2 * MIB)
    new = edited(old, 3)
    container.upload_blob("key", old)
    url: str = container.url_of("key")
    options: dict[str, Any] = {"storage_options": container.options, "mode": "exact"}
    made = store.patch(url, redelta.delta(redelta.signature(old), new), **options)
    assert made.verified == "read"
    assert data_of(container) == new
    with pytest.raises(redelta.VerifyError):
        store.patch(url, redelta.delta(redelta.signature(old[::-1]), edited(old[::-1], 2)), **options)
    store.sign(url, storage_options=container.options)
    assert store.patch(url, redelta.diff(new, old), **options).verified == "basis"
    assert data_of(container) == old
    with store.open_basis(url, redelta.diff(old, new), storage_options=container.options) as basis:
        assert redelta.patch(basis, redelta.diff(old, new)) == new
    assert names(container) == ["key", "key.sig.zst"]


def test_what_a_killed_patch_has_left_is_removed(container: Any) -> None:
    container.upload_blob("key", b"old")
    gone = _staging.Run(1, _staging.host(), 1 << 22, "1", "0" * 16)
    container.upload_blob(f"key.redelta-staging/{gone.name}/object", b"staged")
    assert store.clean(container.url_of("key"), storage_options=container.options).objects == 1
    assert names(container) == ["key"]


def test_a_dry_run(container: Any) -> None:
    old = noise(2 * MIB)
    container.upload_blob("key", old)
    url, options = container.url_of("key"), container.options
    store.sign(url, storage_options=options)
    said = store.push(edited(old, 2), url, storage_options=options, mode="exact", dry_run=True)
    assert data_of(container) == old
    made = store.push(edited(old, 2), url, storage_options=options, mode="exact")
    assert (said.uploaded, said.parts) == (made.uploaded, made.parts)
    assert abs(said.requests - made.requests) <= 2


def test_a_commit_whose_answer_is_lost_is_found_done(container: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is then repeated, and the blob is not the old one any more: it is the new one."""
    old = noise(8 * MIB)
    new = edited(old, 3)
    container.upload_blob("key", old)
    url, options = container.url_of("key"), container.options
    store.sign(url, storage_options=options)
    call = _azure.AzureStore.call
    commits = []

    def twice(self: Any, key: str, name: str, *values: Any, **parameters: Any) -> Any:
        if name == "commit_block_list":
            commits.append(call(self, key, name, *values, **parameters))
        return call(self, key, name, *values, **parameters)

    monkeypatch.setattr(_azure.AzureStore, "call", twice)
    made = store.push(new, url, storage_options=options)
    assert len(commits) == 1
    assert data_of(container) == new
    assert made.etag == container.get_blob_client("key").get_blob_properties().etag
    assert store.verify(url, quick=True, storage_options=options).etag == made.etag


def test_a_commit_that_another_one_has_forestalled_fails(container: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks alike to the store, but the blob has other blocks."""
    old = noise(8 * MIB)
    container.upload_blob("key", old)
    url, options = container.url_of("key"), container.options
    store.sign(url, storage_options=options)
    call = _azure.AzureStore.call

    def late(self: Any, key: str, name: str, *values: Any, **parameters: Any) -> Any:
        if name == "commit_block_list":
            container.upload_blob("key", b"somebody else's", overwrite=True)
        return call(self, key, name, *values, **parameters)

    monkeypatch.setattr(_azure.AzureStore, "call", late)
    with pytest.raises(store.ObjectChangedError):
        store.push(edited(old, 3), url, storage_options=options)
    assert data_of(container) == b"somebody else's"
