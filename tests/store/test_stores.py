"""Files as objects, what fsspec knows besides, signatures beside objects, and what needs no store."""

from __future__ import annotations

import doctest
import importlib
import io
import json
import os
import pkgutil
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Any

import fsspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.buckets import MIB, edited, noise
from helpers.programs import run_program
from helpers.tool import HANG_SECONDS
from redelta import store
from redelta.store import _open, _s3, _sidecar, _sources

BLAKE3_OF_NOTHING = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def test_the_examples_are_true() -> None:
    names = [each.name for each in pkgutil.iter_modules(store.__path__, "redelta.store.")]
    results = [doctest.testmod(importlib.import_module(name)) for name in ("redelta.store", "redelta._urls", *names)]
    found = doctest.DocTestFinder(exclude_empty=True)
    for name in store.__all__:
        for test in found.find(getattr(store, name), name):
            results.append(doctest.DocTestRunner().run(test))
    assert sum(each.attempted for each in results) > 30
    assert sum(each.failed for each in results) == 0


def test_every_public_name_says_what_it_is() -> None:
    for name in store.__all__:
        value = getattr(store, name)
        if isinstance(value, type | FunctionType):
            assert value.__module__ == "redelta.store"
            assert value.__doc__


def test_the_page_has_every_name() -> None:
    page = (Path(__file__).parents[2] / "docs/stores.md").read_text()
    assert sorted(re.findall(r"^::: redelta\.store\.(\w+)$", page, flags=re.MULTILINE)) == sorted(store.__all__)


def test_nothing_of_the_extras_is_imported_before_it_is_needed(tmp_path: Path) -> None:
    program = """
import sys
from redelta import store
store.push(b"new", sys.argv[1])
store.sign(sys.argv[1])
assert not {"boto3", "botocore", "awscrt", "fsspec", "s3fs", "azure.storage.blob"} & set(sys.modules)
for name in ("boto3", "fsspec", "azure.storage.blob"):
    sys.modules[name] = None
for url, extra in (("s3://bucket/key", "s3"), ("memory://key", "fsspec"), ("az://container/key", "azure")):
    try:
        store.sign(url)
    except ImportError as error:
        assert isinstance(error, store.MissingExtraError)
        assert f"pip install 'redelta[{extra}]'" in str(error), error
    else:
        raise SystemExit(url)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "file"],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, done.stderr


# ---- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "with a space", "h\u00e4\u65e5", "50%25 100% ?a#b;c&d+e", b"bytes\xff"])
@pytest.mark.parametrize("form", ["as_uri", "localhost", "LOCALHOST"])
def test_a_url_of_a_file_is_unquoted(tmp_path: Path, name: str | bytes, form: str) -> None:
    """The oracle is pathlib, which quotes."""
    file = tmp_path / os.fsdecode(name)
    uri = file.as_uri()
    url = uri if form == "as_uri" else uri.replace("file://", f"File://{form}")
    assert "%" in uri or name == "plain"
    store.push(b"what is new", url, renew=True)
    assert sorted(os.listdir(os.fsencode(tmp_path))) == [os.fsencode(file.name), os.fsencode(file.name) + b".sig.zst"]
    assert file.read_bytes() == b"what is new"
    store.verify(url)
    store.pull(url, b"", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"what is new"


def test_a_url_of_a_file_that_is_not_quoted_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("with a space", "h\u00e4", "100%", "50%zz", "a?b#c"):
        store.push(b"new", f"file://{tmp_path}/{name}")
        assert (tmp_path / name).read_bytes() == b"new"


def test_a_path_is_not_unquoted(tmp_path: Path) -> None:
    for url in (tmp_path / "a%20b", f"{tmp_path}/a%20b"):
        store.push(b"new", url)
        assert [each.name for each in tmp_path.iterdir()] == ["a%20b"]


@pytest.mark.parametrize(
    "url", ["file://otherhost/x", "file://server.example/share/x", "file://relative", "file://127.0.0.1/x", "file://"]
)
def test_a_url_of_a_file_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    host = re.escape(repr(url.removeprefix("file://").partition("/")[0]))
    text = f"{re.escape(repr(url))}.*file:///PATH" if url == "file://" else f"the host {host}.*file:///PATH"
    for call in (
        lambda: store.push(b"new", url),
        lambda: store.pull(url, b"", tmp_path / "copy"),
        lambda: store.sign(url),
        lambda: store.clean(url),
    ):
        with pytest.raises(redelta.ParameterError, match=text):
            call()
    with pytest.raises(redelta.ParameterError, match="NUL"):
        store.push(b"new", "file:///a%00b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new").touch()
    done = run_program("push", tmp_path / "new", url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "file:///PATH" in done.stderr


@pytest.mark.parametrize("form", ["path", "str", "url"])
def test_a_file_is_an_object(tmp_path: Path, form: str) -> None:
    file = tmp_path / "file"
    url: Any = {"path": file, "str": str(file), "url": f"file://{file}"}[form]
    old = noise(MIB)
    made = store.push(old, url)
    assert (made.mode, made.store, made.cost) == ("local", "local", None)
    new = edited(old, 3)
    file.chmod(0o600)
    made = store.push(new, url)
    assert file.read_bytes() == new
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.literal_bytes < 8192
    store.sign(url)
    assert store.verify(url).digest == redelta.digest(new).hex()
    out = io.BytesIO()
    assert store.pull(url, old, out).mode == "ranges"
    assert out.getvalue() == new
    store.patch(url, redelta.delta(redelta.signature(new), old))
    assert file.read_bytes() == old
    with pytest.raises(redelta.TruncatedError, match="copies up to"):
        store.patch(url, redelta.delta(redelta.signature(new + new), edited(new + new, 1)))
    same_size = noise(MIB, 5)
    with pytest.raises(redelta.VerifyError, match="is not the basis"):
        store.patch(url, redelta.delta(redelta.signature(same_size), edited(same_size, 1)))
    with pytest.raises(store.StaleSignatureError):
        store.verify(url)
    with store.open_basis(url, redelta.diff(old, new)) as basis:
        assert redelta.patch(basis, redelta.diff(old, new)) == new
    assert store.push(new, url, dry_run=True).dry_run
    assert file.read_bytes() == old
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "file.sig.zst"]


# ---- fsspec ----------------------------------------------------------------------------------------------------------


def test_other_stores_get_the_whole_file_and_it_is_told() -> None:
    url = "memory://folder/key"
    old = noise(MIB)
    made = store.push(old, url)
    assert (made.mode, made.verified) == ("whole", "no")
    assert made.note == "this store copies no ranges: everything was sent"
    new = edited(old, 3)
    store.sign(url)
    out = io.BytesIO()
    assert store.pull(url, new, out).fetched < 8192
    assert out.getvalue() == old
    store.push(new, url)
    assert fsspec.filesystem("memory").cat_file("/folder/key") == new
    assert store.verify(url).digest == redelta.digest(new).hex()  # the signature was renewed
    store.patch(url, redelta.delta(redelta.signature(new), old))
    assert fsspec.filesystem("memory").cat_file("/folder/key") == old
    with pytest.raises(store.StaleSignatureError):
        store.verify(url)
    with pytest.raises(FileNotFoundError):
        store.verify("memory://folder/none")
    with store.open_basis(url, redelta.diff(old, new)) as basis:
        assert redelta.patch(basis, redelta.diff(old, new)) == new
    assert store.clean(url).objects == 0


def test_urls_and_limits() -> None:
    assert [_open.scheme_of(each) for each in ("s3://b/k", "/a/b", "a:b", "c:\\x", "S3://b", "./x//y")] == [
        "s3",
        "file",
        "file",
        "file",
        "s3",
        "file",
    ]
    assert _open.limits_named("r2") is store.R2
    assert _s3.limits_of("https://x.r2.cloudflarestorage.com") is store.R2
    assert _s3.limits_of(None) is _s3.limits_of("http://127.0.0.1:9000") is store.S3
    with pytest.raises(redelta.ParameterError, match="limits must be"):
        store.push(b"", "s3://bucket/key", limits="s4")
    for url in ("s3://bucket", "s3://bucket/", "s3:///key"):
        with pytest.raises(redelta.ParameterError, match="names no object"):
            store.push(b"", url)
    with pytest.raises(redelta.ParameterError, match="names no blob"):
        store.push(b"", "az://container")
    with pytest.raises(redelta.ParameterError, match="fsspec cannot open"):
        store.sign("nosuchprotocol://x/y")
    with pytest.raises(redelta.ParameterError, match="verify must be"):
        store.push(b"", "memory://x", verify="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "name", "said"),
    [
        ("s3://bucket/key", "endpiont_url", "did you mean 'endpoint_url'? there are key, secret, "),
        ("s3://bucket/key", "zzz", ": there are key, secret, token, "),
        ("az://container/blob", "acount_name", "did you mean 'account_name'? there are connection_string, "),
        ("file", "anon", ": a file has none"),
    ],
)
def test_storage_options_that_nobody_looks_at_are_refused(tmp_path: Path, url: str, name: str, said: str) -> None:
    url = url if "://" in url else str(tmp_path / url)
    with pytest.raises(redelta.ParameterError, match=re.escape(said)) as caught:
        store.push(b"new", url, storage_options={name: "x"})
    assert f"unknown storage option '{name}'" in str(caught.value)
    with pytest.raises(redelta.ParameterError, match=re.escape(said)):
        store.pull(url, None, tmp_path / "dest", storage_options={name: "x"})
    assert list(tmp_path.iterdir()) == []


def test_costs_are_those_of_the_list() -> None:
    assert store.PRICES["s3"].write == 0.005
    limits = [each.name for each in (store.S3, store.R2, store.AZURE, store.GOOGLE)]
    assert sorted(store.PRICES) == sorted(limits)
    page = (Path(__file__).parents[2] / "docs/stores.md").read_text()
    for name, each in store.PRICES.items():
        address, _, rest = each.source.partition(" ")
        shown = f"| {name} | {each.write:g} | {each.read:g} | {each.sent_out:g} | {each.date} | <{address}> {rest} |"
        assert shown in page


# ---- Signatures beside objects ---------------------------------------------------------------------------------------


def test_a_signature_beside_an_object_is_a_zstd_file(tmp_path: Path) -> None:
    """Read by what is not ours, from the page on formats alone."""
    file = tmp_path / "file"
    file.write_bytes(noise(MIB))
    made = store.sign(file, block_len=1000, strong_len=8)
    data = Path(made.signature).read_bytes()
    assert made.signature == f"{file}.sig.zst"
    assert int.from_bytes(data[:4], "little") == 0x184D2A5E
    length = int.from_bytes(data[4:8], "little")
    fields = json.loads(data[8 : 8 + length])
    assert fields == {
        "redelta": "object signature",
        "version": 1,
        "size": MIB,
        "etag": made.etag,
        "digest": redelta.digest(file).hex(),
    }
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(data[8 + length :])
    assert plain == redelta.signature(file, block_len=1000, strong_len=8)
    delta = redelta.delta(Path(made.signature), b"new" + noise(MIB))
    assert redelta.patch(file, delta) == b"new" + noise(MIB)


@given(data=st.binary(max_size=300))
def test_whatever_lies_beside_an_object_is_read_or_refused(data: bytes) -> None:
    for start in (b"", b"\x5e\x2a\x4d\x18", b"\x5e\x2a\x4d\x18\x02\x00\x00\x00{}"):
        try:
            _sidecar.unpack(start + data, "name")
        except (redelta.BadMagicError, redelta.CorruptError):
            continue
        pytest.fail("this is no signature")


@pytest.mark.parametrize("size", [0, 1, 1023, 65_536, 1 << 20, (1 << 24) + 5, 300_000_001])
@pytest.mark.parametrize("block_len", [1, 1000, 1 << 20])
def test_the_least_strong_length_is_that_of_the_library(size: int, block_len: int, tmp_path: Path) -> None:
    if size // block_len > 1 << 21:
        return
    with open(tmp_path / "file", "wb") as file:
        file.truncate(size)
    found = redelta.Signature.build(tmp_path / "file", block_len=block_len, strong_len="least").strong_len
    assert _sidecar.strong_length("least", size, block_len) == found


def test_signatures_go_where_they_are_wanted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    out = io.BytesIO()
    assert store.sign(file, out).digest == BLAKE3_OF_NOTHING
    store.sign(file, tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere").read_bytes() == out.getvalue()
    said = store.sign(file, dry_run=True)
    assert said.dry_run
    assert not (tmp_path / "file.sig.zst").exists()


def test_a_range_of_a_file_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(200)))
    for start, stop, made in ((10, 20, range(10, 20)), (190, None, range(190, 200)), (150, 900, range(150, 200))):
        store.push(redelta.FileRange(tmp_path / "file", start, stop), "memory://folder/range")
        assert fsspec.filesystem("memory").cat_file("/folder/range") == bytes(made)
        assert store.verify("memory://folder/range", redelta.FileRange(tmp_path / "file", start, stop)).size == len(
            made
        )


def test_sections_are_files() -> None:
    with _sources.NewFile(bytes(range(100))) as content:
        section = _sources.Section(content, 10, 50)
        assert (section.read(5), section.tell(), len(section)) == (bytes(range(10, 15)), 5, 50)
        assert section.seek(-10, 2) == 40
        assert section.read() == bytes(range(50, 60))
        assert section.read() == b""
        with pytest.raises(redelta.TruncatedError):
            content.read(90, 20)
    assert replace(store.S3, near=1).near == 1


def test_a_signature_longer_than_one_can_be_is_not_read(tmp_path: Path) -> None:
    """Whoever may write beside an object must not exhaust the memory of those who push to it."""
    (tmp_path / "object").write_bytes(b"ten bytes!")
    with (tmp_path / "object.sig.zst").open("wb") as file:
        file.truncate(1 << 40)
    for url in (str(tmp_path / "object"), f"file://{tmp_path}/object"):
        with pytest.raises(redelta.LimitError, match=r"sig\.zst"):
            store.verify(url)
