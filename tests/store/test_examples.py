"""The program of examples/python that pushes to a bucket, run as its users run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.buckets import Bucket
from helpers.examples import run
from helpers.samples import noise, random_edits

MIB = 1 << 20


@pytest.fixture(autouse=True)
def environment(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store is, as it is told to every program."""
    options = bucket.options
    monkeypatch.setenv("AWS_ENDPOINT_URL", options.get("endpoint_url") or options["client_kwargs"]["endpoint_url"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_a_night_of_images(bucket: Bucket, tmp_path: Path) -> None:
    old = noise(24 * MIB, 1)
    new = old[: 8 * MIB] + random_edits(old[8 * MIB :], 3, 2)  # an edit in the first 5 MiB costs up to 5 MiB
    image, other = tmp_path / "vm.img", tmp_path / "other.img"
    url = f"s3://{bucket.name}/images/"
    image.write_bytes(old)
    other.write_bytes(noise(MIB, 2))
    first = run("nightly_push.py", url, image, other)
    assert len(first.stdout.splitlines()) == 2
    image.write_bytes(new)
    dry = run("nightly_push.py", "--dry-run", url, image)
    assert "would send" in dry.stdout
    assert bucket.get("images/vm.img") == old
    second = run("nightly_push.py", url, image, other)
    sent = int(second.stdout.split("; sent ")[1].split()[0].replace(",", ""))
    assert sent < MIB
    assert bucket.get("images/vm.img") == new
    assert bucket.get("images/other.img") == other.read_bytes()


def test_a_file_that_fails_is_told_and_the_others_go_on(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"x")
    done = run("nightly_push.py", f"s3://{bucket.name}", tmp_path / "missing", tmp_path / "there", status=1)
    assert "missing" in done.stderr
    assert bucket.get("there") == b"x"
