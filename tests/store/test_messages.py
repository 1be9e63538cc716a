"""What `redelta push`, `redelta pull` and `redelta dataset` say of a bucket, alike."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helpers.buckets import MIB, Bucket, noise, words_of
from helpers.programs import BIN, records_of, run_program
from redelta import store

NO_CREDENTIALS = (
    "cannot be used: there are no credentials; give them by the environment, a profile, or --storage-option\n"
)
NOTHING_SENT = ": everything was sent"


def run(bucket: Bucket, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return run_program(program, *words, *words_of(bucket.options))


def both(place: Path, name: str, options: dict[str, Any], **variables: str) -> list[subprocess.CompletedProcess[str]]:
    """What each verb does with an object of this bucket."""
    (place / "new").write_bytes(noise(MIB))
    words = list(words_of(options))
    return [
        run_program("push", place / "new", f"s3://{name}/key", *words, cwd=None, **variables),
        run_program("push", "-n", place / "new", f"s3://{name}/key", *words, cwd=None, **variables),
        run_program("pull", f"s3://{name}/key", place / "file", *words, cwd=None, **variables),
        run_program(
            "dataset", "signature", f"s3://{name}/key", place / "x", "--workers=1", *words, cwd=None, **variables
        ),
    ]


def test_a_missing_bucket_is_told_by_all(bucket: Bucket, tmp_path: Path) -> None:
    for done in both(tmp_path, "there-is-no-such-bucket", bucket.options):
        assert (done.returncode, done.stdout) == (1, "")
        assert ": s3://there-is-no-such-bucket/key: cannot be used: " in done.stderr
        assert "bucket" in done.stderr.partition("cannot be used: ")[2]
        assert done.stderr.count("\n") == 1


def test_missing_credentials_are_told_by_all(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE":
        monkeypatch.delenv(name, raising=False)
    options = {key: value for key, value in bucket.options.items() if key not in ("key", "secret")}
    for done in both(tmp_path, "bucket", options, HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true"):
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith(f": s3://bucket/key: {NO_CREDENTIALS}")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["push", "new", "s3://bucket/key"], ["pull", "s3://bucket/key", "new"]])
@pytest.mark.parametrize("dry", [[], ["-n"]])
def test_ctrl_c_says_what_it_leaves(tmp_path: Path, words: list[str], dry: list[str]) -> None:
    """The store takes the connection, and never answers."""
    (tmp_path / "new").write_bytes(noise(MIB))
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = {"key": "x", "secret": "y", "endpoint_url": f"http://127.0.0.1:{server.getsockname()[1]}"}
        command: list[str | Path] = [BIN / f"redelta-{words[0]}", *words[1:], *dry, *words_of(options)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
            server.settimeout(60)
            with server.accept()[0] as connection:
                connection.recv(1)
                process.send_signal(signal.SIGINT)
                said, told = process.communicate(timeout=60)
    kind = "file" if words[0] == "pull" else "object"
    left = "nothing was changed" if dry else f"the {kind} is the old one or the new one, as a whole: run it again"
    assert (process.returncode, said) == (-signal.SIGINT, b"")
    assert told.decode() == f"redelta: {words[0]}: interrupted by a signal; {left}\n"
    assert (tmp_path / "new").read_bytes() == noise(MIB)


def test_a_push_that_lacks_a_signature_says_so(bucket: Bucket, tmp_path: Path) -> None:
    file, there = tmp_path / "file", bucket.url("key")
    file.write_bytes(noise(MIB))
    first = run(bucket, "push", file, there)
    assert (first.returncode, first.stderr) == (0, "")
    missing = f"{there}: there is no signature beside the object{NOTHING_SENT}"
    file.write_bytes(noise(MIB, 2))
    assert run(bucket, "push", file, there).stderr == f"redelta: push: {missing}; --sign puts one there\n"
    assert run(bucket, "push", "-q", file, there).stderr == ""
    assert run(bucket, "push", "--no-sign", file, there).stderr == f"redelta: push: {missing}\n"
    pushed = store.push(noise(MIB, 3), there, storage_options=bucket.options)
    assert pushed.note == missing.removeprefix(f"{there}: ")
    assert run(bucket, "push", "--sign", file, there).returncode == 0
    file.write_bytes(noise(MIB, 4))
    assert run(bucket, "push", file, there).stderr == ""


def test_a_push_with_a_stale_signature_says_so(bucket: Bucket, tmp_path: Path) -> None:
    file, there = tmp_path / "file", bucket.url("key")
    file.write_bytes(noise(MIB))
    assert run(bucket, "push", "--sign", file, there).returncode == 0
    bucket.put("key", noise(MIB, 2))
    pulled = run(bucket, "pull", there, tmp_path / "other")
    assert pulled.returncode == 6
    assert "; fetch all of it by --whole, or have a signature made by 'redelta push --sign'\n" in pulled.stderr
    stale = f"the signature beside the object was of another version{NOTHING_SENT}"
    done = run(bucket, "push", "--json", file, there)
    assert done.stderr == f"redelta: push: {there}: {stale}\n"
    *_, result = records_of(done.stdout)
    assert result["object"]["note"] == stale
    file.write_bytes(noise(MIB, 4))
    assert run(bucket, "push", file, there).stderr == ""
