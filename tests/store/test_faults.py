"""What goes wrong on the way: a store that is busy, connections that break, answers that get lost or are slow, and a
pusher that is killed at each of its requests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.buckets import MIB, SMALL, Bucket, edited, noise, push, sign
from helpers.strict_proxy import Action, Fault
from redelta import store
from redelta.store import _s3, _s3_assembly, _staging

KINDS = [
    "HeadObject",
    "GetObject",
    "ListObjectsV2",
    "ListMultipartUploads",
    "CreateUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteUpload",
    "PutObject",
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of botocore are random, up to seconds: not here."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.01)
    monkeypatch.setattr(_s3, "PAUSE", 0.01)


BODIES = [kind for kind in KINDS if kind not in ("HeadObject", "UploadPart", "PutObject")]
"""Whose answers have a body that can be cut."""


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (kind, action)
        for kind in KINDS
        for action in ("busy", "reset", "lost", "cut")
        if action != "cut" or kind in BODIES
    ],
)
def test_what_fails_for_a_while_is_tried_again(small: Bucket, kind: str, action: Action) -> None:
    old = noise(MIB)
    new = edited(old, 2)
    small.put("key", old)
    sign(small)
    small.proxy.reset()
    small.proxy.faults.append(Fault(action, kind, times=2))
    made = push(small, new)
    assert small.proxy.faults[0].times == 0
    assert small.get("key") == new
    assert made.mode == "exact"
    assert store.verify(small.url("key"), storage_options=small.options).digest == redelta.digest(new).hex()
    assert small.keys() == ["key", "key.sig.zst"]
    if not (kind == "CreateUpload" and action in ("lost", "cut")):  # then nobody knows the upload's number
        assert small.uploads() == []


@pytest.mark.parametrize("kind", ["HeadObject", "UploadPart", "UploadPartCopy", "CompleteUpload"])
@pytest.mark.parametrize("action", ["busy", "reset"])
def test_what_goes_on_failing_is_a_typed_error(small: Bucket, kind: str, action: Action) -> None:
    old = noise(MIB)
    small.put("key", old)
    small.proxy.faults.append(Fault(action, kind, times=1000))
    with pytest.raises(store.UnavailableError, match="try again later"):
        push(small, edited(old, 2), signature=redelta.signature(old))
    assert small.get("key") == old
    assert (small.keys(), small.uploads()) == (["key"], [])


def test_a_slow_answer_is_waited_for_or_asked_for_again(small: Bucket) -> None:
    old = noise(MIB)
    small.put("key", old)
    small.options["config_kwargs"]["read_timeout"] = 3
    small.proxy.faults.append(Fault("hung", "UploadPartCopy", times=1))
    small.proxy.faults.append(Fault("slow", "UploadPart", times=1, value=0.2))
    push(small, edited(old, 2), signature=redelta.signature(old))
    assert [fault.times for fault in small.proxy.faults] == [0, 0]
    assert small.get("key") == edited(old, 2)


def test_an_upload_whose_number_was_lost_is_removed_when_it_is_old(small: Bucket) -> None:
    old = noise(MIB)
    small.put("key", old)
    small.proxy.faults.append(Fault("lost", "CreateUpload", times=1))
    push(small, edited(old, 2), signature=redelta.signature(old))
    assert small.uploads() == ["key"]
    options: dict[str, Any] = {"storage_options": small.options, "limits": SMALL}
    assert store.clean(small.url("key"), **options).kept == 1
    assert store.clean(small.url("key"), older_than=0, **options).uploads == 1
    assert small.uploads() == []


def test_nothing_of_others_is_removed(small: Bucket) -> None:
    small.put("key", b"old")
    small.put("key.redelta-staging/notes.txt", b"not ours")
    small.put("key.redelta-staging-notes", b"not ours")
    upload = small.direct.create_multipart_upload(Bucket=small.name, Key="key")["UploadId"]
    small.direct.upload_part(Bucket=small.name, Key="key", UploadId=upload, PartNumber=1, Body=b"theirs")
    live = _staging.Run.begin("upload")
    _staging.ACTIVE.add(live.name)
    elsewhere = _staging.Run(int(time.time()), "elsewhere0", 1, "1", "f" * 16)
    names = [f"key.redelta-staging/{run.name}/00000" for run in (live, elsewhere)]
    for name in names:
        small.put(name, b"a stage")
    try:
        found = store.clean(small.url("key"), storage_options=small.options, limits=SMALL)
    finally:
        _staging.ACTIVE.discard(live.name)
    assert (found.objects, found.uploads, found.kept) == (0, 0, 3)
    found = store.clean(small.url("key"), older_than=0, storage_options=small.options, limits=SMALL)
    assert (found.objects, found.uploads) == (2, 0)
    assert small.keys() == ["key", "key.redelta-staging-notes", "key.redelta-staging/notes.txt"]
    assert small.uploads() == ["key"]


def test_runs_tell_themselves_by_their_names() -> None:
    run = _staging.Run.begin("upload")
    assert _staging.Run.parse(run.name) == run
    assert run.is_over(0)  # of this process, but none that goes on
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = _staging.Run(run.time, run.host, child.pid, _staging.started(child.pid) or "", run.upload)
    assert not other.is_over(0)
    assert _staging.Run(run.time, run.host, child.pid, "1", run.upload).is_over(1000)  # another one had that number
    child.communicate(b"\n")
    assert other.is_over(1000)
    for name in ("", "a-b", "20260101T000000Z-host-pid-1-x", "notes.txt"):
        assert _staging.Run.parse(name) is None


# ---- Kills -----------------------------------------------------------------------------------------------------------

PUSHER = """
import json, os, sys
from dataclasses import replace
from redelta import store
from redelta.store import S3, _s3
_s3.session_of("x", "y", None, None, "us-east-1").client("s3")  # children have what it has read
for line in sys.stdin:
    what = json.loads(line)
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), 19)  # until the proxy knows whom to kill
        limits = replace(S3, **what["limits"])
        store.push(what["file"], what["url"], limits=limits, mode="exact", storage_options=what["options"])
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Pusher:
    """A process that pushes in children, which have all modules loaded from their start."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def push(self, bucket: Bucket, file: Path, fault: Fault | None) -> int:
        """A push that goes wrong as told; returns the status of its process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        limits = {name: getattr(SMALL, name) for name in ("part_least", "near", "put_part", "copy_part")}
        what = {"file": str(file), "url": bucket.url("key"), "limits": limits, "options": bucket.options}
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if fault is not None:
            fault.value = child
            bucket.proxy.faults.append(fault)
        os.kill(child, signal.SIGCONT)
        return int(self._process.stdout.readline())


@contextmanager
def pusher() -> Iterator[Pusher]:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PUSHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Pusher(process)
        finally:
            process.kill()


@pytest.mark.parametrize("action", ["kill before", "kill after"])
def test_a_kill_at_any_request_leaves_one_of_the_versions(small: Bucket, tmp_path: Path, action: Action) -> None:
    old = noise(MIB)
    new = edited(old, 1)
    file = tmp_path / "file"
    file.write_bytes(new)
    options: dict[str, Any] = {"storage_options": small.options, "limits": SMALL}
    small.put("key", old)
    sign(small)
    signature = small.get("key.sig.zst")
    both = set()
    with pusher() as process:
        for number in range(100):
            small.put("key", old)
            small.put("key.sig.zst", signature)
            small.proxy.reset()
            fault = Fault(action, skip=number)
            status = process.push(small, file, fault)
            if fault.times:  # there was no such request
                assert status == 0
                break
            assert status == signal.SIGKILL
            small.proxy.settle()
            now = small.get("key")
            assert now in (old, new)
            both.add(now)
            check_recovery(small, old, new, number, options)
        else:
            pytest.fail("the push does not end")
    assert number > 12
    assert both == {old, new}


def test_what_tells_of_a_run_is_there_before_its_parts(small: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that takes: after a kill, nothing else would tell of them."""
    old = noise(MIB)
    small.put("key", old)
    create = _s3_assembly.Assembly.create

    def late(self: Any, key: str, *more: Any) -> str:
        if key != "key":
            time.sleep(0.3)
        return create(self, key, *more)

    monkeypatch.setattr(_s3_assembly.Assembly, "create", late)
    assert push(small, edited(old, 1), signature=redelta.signature(old)).stages
    seen = [(each.kind, each.key) for each in small.proxy.seen]
    begun = next(at for at, (kind, key) in enumerate(seen) if kind == "CreateUpload" and key != "key")
    assert not [kind for kind, key in seen[:begun] if kind.startswith("UploadPart") and key == "key"]


def test_ctrl_c_at_any_request_removes_what_was_begun(small: Bucket, tmp_path: Path) -> None:
    old = noise(MIB)
    new = edited(old, 1)
    file = tmp_path / "file"
    file.write_bytes(new)
    small.put("key", old)
    sign(small)
    signature = small.get("key.sig.zst")
    with pusher() as process:
        for number in range(0, 100, 2):
            small.put("key", old)
            small.put("key.sig.zst", signature)
            small.proxy.reset()
            fault = Fault("interrupt", skip=number)
            status = process.push(small, file, fault)
            if fault.times:
                break
            assert status in (0, signal.SIGINT, 1 << 8)  # what was done in time, or ended by the interrupt
            small.proxy.settle()
            assert small.get("key") in (old, new)
            assert small.keys() == ["key", "key.sig.zst"]
            assert all(not parts_of(small, each) for each in uploads_of(small))
    assert number > 8


def uploads_of(bucket: Bucket) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bucket.direct.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])
    return found


def parts_of(bucket: Bucket, upload: dict[str, Any]) -> list[Any]:
    found = bucket.direct.list_parts(Bucket=bucket.name, Key=upload["Key"], UploadId=upload["UploadId"])
    parts: list[Any] = found.get("Parts", [])
    return parts


def check_recovery(bucket: Bucket, old: bytes, new: bytes, number: int, options: dict[str, Any]) -> None:
    """After a kill, the next push, or clean, removes what has stayed; only an upload without parts, of whose number
    nobody knows, is not yet removed."""
    bucket.proxy.reset()
    if number % 2:
        store.clean(bucket.url("key"), **options)
    else:
        store.push(edited(new, 1, 9), bucket.url("key"), mode="exact", **options)
        assert bucket.get("key") == edited(new, 1, 9)
    assert bucket.keys() == ["key", "key.sig.zst"]
    for each in uploads_of(bucket):
        assert each["Key"] == "key"
        assert not parts_of(bucket, each)
    store.clean(bucket.url("key"), older_than=0, **options)
    assert bucket.uploads() == []
