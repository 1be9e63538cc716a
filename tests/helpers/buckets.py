"""Buckets for tests: moto's server as a process, the strict proxy before it, and a client that goes past both."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
from botocore.config import Config

from helpers.strict_proxy import Rules, StrictProxy
from redelta import store
from redelta.store import R2, S3

MIB = 1 << 20
KIB = 1 << 10


@contextmanager
def moto_server(least: int) -> Iterator[int]:
    """The port of a server that keeps objects as long as the `with` lasts, and refuses shorter parts."""
    environment = os.environ | {"S3_UPLOAD_PART_MIN_SIZE": str(least), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stderr is not None
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "moto's server has ended"
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            yield int(found[1])
        finally:
            process.kill()
            process.wait()
            drain.wait()
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def client_of(url: str) -> Any:
    """A client of a server."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="x",
        aws_secret_access_key="y",
        region_name="us-east-1",
        config=Config(request_checksum_calculation="when_required", response_checksum_validation="when_required"),
    )


@dataclass
class Bucket:
    """A bucket behind the proxy; `direct` is a client that goes past it."""

    proxy: StrictProxy
    direct: Any
    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def url(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def put(self, key: str, data: bytes, **more: Any) -> None:
        self.direct.put_object(Bucket=self.name, Key=key, Body=data, **more)

    def get(self, key: str) -> bytes:
        body: bytes = self.direct.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def head(self, key: str) -> Any:
        return self.direct.head_object(Bucket=self.name, Key=key)

    def keys(self) -> list[str]:
        """Of all objects."""
        return sorted(each["Key"] for each in self.direct.list_objects_v2(Bucket=self.name).get("Contents", []))

    def uploads(self) -> list[str]:
        """The keys of all uploads that were not completed."""
        found = self.direct.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [each["Key"] for each in found]


def once(act: Callable[[], object]) -> Callable[[], None]:
    """What acts the first time that it is called; calls from other threads meanwhile wait for that."""
    lock = threading.Lock()
    done: list[object] = []

    def call() -> None:
        with lock:
            if not done:
                done.append(act())

    return call


@contextmanager
def bucket_behind(port: int, name: str, rules: Rules) -> Iterator[Bucket]:
    """A new bucket."""
    direct = client_of(f"http://127.0.0.1:{port}")
    direct.create_bucket(Bucket=name)
    with StrictProxy(port, rules) as proxy:
        config = {"retries": {"mode": "standard", "total_max_attempts": 4}, "read_timeout": 300, "connect_timeout": 300}
        options = {"key": "x", "secret": "y", "endpoint_url": proxy.url, "config_kwargs": config}
        options["client_kwargs"] = {"region_name": "us-east-1"}
        yield Bucket(proxy, direct, name, options)
    direct.close()


# ---- What the tests push into them -----------------------------------------------------------------------------------

SMALL = replace(S3, part_least=64 * KIB, near=1 * KIB, put_part=256 * KIB, copy_part=1 * MIB)
"""S3 with parts that are 80 times smaller."""
SMALL_R2 = replace(R2, part_least=64 * KIB, near=1 * KIB, put_part=256 * KIB, copy_part=1 * MIB)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def edited(old: bytes, edits: int, seed: int = 1) -> bytes:
    """With some bytes replaced, inserted and deleted at random places."""
    chance = random.Random(seed)
    pieces, at = [], 0
    for place in sorted(chance.sample(range(len(old)), edits)):
        if place >= at:
            pieces += [old[at:place], chance.randbytes(chance.randrange(1, 80))]
            at = place + chance.randrange(50)
    return b"".join([*pieces, old[at:]])


def push(bucket: Bucket, new: Any, key: str = "key", **more: Any) -> store.Pushed:
    """With the limits of the small store, unless others are given."""
    more = {"limits": SMALL, "mode": "exact", **more}
    return store.push(new, bucket.url(key), storage_options=bucket.options, **more)


def sign(bucket: Bucket, key: str = "key", **more: Any) -> store.Signed:
    return store.sign(bucket.url(key), storage_options=bucket.options, **more)


def words_of(options: dict[str, Any], before: str = "") -> Iterator[str]:
    """The options of a bucket as those of the command line."""
    for key, value in options.items():
        if isinstance(value, dict):
            yield from words_of(value, f"{before}{key}.")
        else:
            yield f"--storage-option={before}{key}={value if isinstance(value, str) else json.dumps(value)}"
