"""`redelta push` and `redelta pull` on S3: moto behind a proxy that is as strict as S3."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

from helpers.buckets import MIB, Bucket, edited, noise, words_of
from helpers.programs import records_of, run_program


def run(bucket: Bucket, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return run_program(program, *words, *words_of(bucket.options))


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, "")
    *_, result = records_of(done.stdout)
    found = result["object"]
    assert isinstance(found, dict)
    return found


def test_a_nightly_push_sends_what_is_new_and_pull_fetches_it(bucket: Bucket, tmp_path: Path) -> None:
    old = noise(24 * MIB)
    new = old[: 8 * MIB] + edited(old[8 * MIB :], 3)  # a change in the first 5 MiB would cost that much
    file, there = tmp_path / "image", bucket.url("image")
    file.write_bytes(old)
    first = result_of(run(bucket, "push", "--sign", "--json", file, there))
    assert (first["mode"], first["bytes_sent"] > len(old)) == ("whole", True)
    assert bucket.keys() == ["image", "image.sig.zst"]
    file.write_bytes(new)
    before = bucket.get("image")
    dry = result_of(run(bucket, "push", "-n", "--json", file, there))
    assert (dry["dry_run"], bucket.get("image")) == (True, before)
    second = result_of(run(bucket, "push", "--json", file, there))
    assert bucket.get("image") == new
    assert second["bytes_sent"] < len(new) // 50
    assert 0 < second["cost"] < 0.01
    old_file = tmp_path / "old"
    old_file.write_bytes(old)
    fetched = result_of(run(bucket, "pull", "--json", there, old_file))
    assert old_file.read_bytes() == new
    assert fetched["bytes_received"] < len(new) // 50


def test_a_dry_run_shows_what_it_would_take(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(noise(MIB))
    done = run(bucket, "push", "--dry-run", tmp_path / "new", bucket.url("key"))
    assert (done.returncode, done.stderr) == (0, "")
    for label in ("bytes sent", "requests", "at list price"):
        assert any(line.startswith(label) for line in done.stdout.splitlines())
    assert bucket.keys() == []


def test_what_a_store_refuses_is_one_line(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(noise(MIB))
    no_bucket = run(bucket, "push", tmp_path / "new", "s3://there-is-no-such-bucket/key")
    no_object = run(bucket, "pull", bucket.url("missing"), tmp_path / "file")
    for done in (no_bucket, no_object):
        assert done.returncode == 1
        assert done.stderr.startswith("redelta: pu")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "file").exists()


def test_a_store_that_is_not_there_is_a_failed_connection(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(noise(MIB))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        options = {
            "key": "x",
            "secret": "y",
            "endpoint_url": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "config_kwargs": {"retries": {"total_max_attempts": 1}, "connect_timeout": 2},
        }
        done = run_program("push", tmp_path / "new", "s3://bucket/key", *words_of(options))
    assert done.returncode == 7
    assert done.stderr.startswith("redelta: push: ")
    assert done.stderr.count("\n") == 1
