"""The signature beside an object, where the new file does not stay what was pushed, and where it is a stranger's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.buckets import MIB, Bucket, noise, push, sign
from redelta import store
from redelta.store import _push, _sidecar


@pytest.mark.parametrize("later", [noise(MIB, 3), noise(MIB // 2, 3), noise(2 * MIB, 3)])
def test_a_file_that_changes_after_it_was_pushed_is_pushed_again(
    small: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: bytes
) -> None:
    """A signature of what the file is by then would be taken for one of the object: the next push had nothing to do."""
    file = tmp_path / "file"
    small.put("key", noise(MIB, 1))
    sign(small)
    pushed = noise(MIB, 2)
    file.write_bytes(pushed)
    renewed_beside = _push.renewed_beside

    def late(*arguments: Any) -> Any:
        file.write_bytes(later)
        return renewed_beside(*arguments)

    monkeypatch.setattr(_push, "renewed_beside", late)
    first = push(small, file)
    assert small.get("key") == pushed
    assert first.signature is None
    assert "changed" in first.note
    with pytest.raises(store.StaleSignatureError):
        store.verify(small.url("key"), storage_options=small.options)
    monkeypatch.setattr(_push, "renewed_beside", renewed_beside)
    second = push(small, file)
    assert second.mode != "same"
    assert small.get("key") == later
    assert store.verify(small.url("key"), storage_options=small.options).digest == redelta.digest(later).hex()


FIELDS = '{"redelta":"object signature","version":1,"etag":"x","digest":"' + "0" * 64 + '","size":%s}'


@pytest.mark.parametrize("head", ["[" * 60_000, FIELDS % "Infinity", FIELDS % "1e999", FIELDS % "NaN", FIELDS % "[]"])
def test_heads_that_no_parser_likes(head: str) -> None:
    data = _sidecar.HEAD.pack(_sidecar.MAGIC, len(head)) + head.encode()
    with pytest.raises(redelta.CorruptError):
        _sidecar.unpack(data, "name")
