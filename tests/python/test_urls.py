"""A URL that is given as a path: the error says what takes URLs. A file may have such a name nevertheless."""

from __future__ import annotations

from pathlib import Path

import pytest

import redelta

URLS = ["s3://bucket/key", "https://example.org/file", "abfs://container@account/key", "memory://x"]


@pytest.mark.parametrize("url", URLS)
def test_the_error_names_what_takes_urls(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    delta = redelta.delta(redelta.signature(b"old"), b"new")
    for call in (
        lambda: redelta.signature(url),
        lambda: redelta.patch(url, delta),
        lambda: redelta.write_signature(b"", url),
        lambda: redelta.write_patch(b"old", delta, url),
        lambda: redelta.open_delta(url),
        lambda: redelta.DeltaWriter(url),
        lambda: redelta.digest(url.encode() and url),
    ):
        with pytest.raises(FileNotFoundError, match=r"redelta\.store") as caught:
            call()
        assert caught.value.filename == url


def test_a_file_may_be_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s3:/bucket").mkdir(parents=True)
    redelta.write_signature(b"basis", "s3://bucket/key")
    assert Path("s3:/bucket/key").read_bytes() == redelta.signature(b"basis")
    assert len(redelta.Signature.load("s3://bucket/key")) == 1


@pytest.mark.parametrize("name", ["missing", "a:b", "://x", "1s://x", "/a/b://c"])
def test_other_names_get_the_error_of_the_system(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        redelta.signature(name)
