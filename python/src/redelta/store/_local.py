"""A file as an object: the new version is patched together and replaces the old one, as everywhere in redelta."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import redelta
from redelta._urls import path_of_url
from redelta.store._backend import WORKERS, Advance, Backend, Object, Proof
from redelta.store._errors import changed
from redelta.store._limits import LOCAL
from redelta.store._plan import Plan
from redelta.store._sources import Content, Reader


class LocalStore(Backend):
    """A file, by its path or its `file://` URL."""

    limits = LOCAL

    def __init__(self, url: str) -> None:
        super().__init__(WORKERS)
        self.url = url
        self._signature: redelta.Signature | None = None
        named = path_of_url(url)
        self.key = str(Path(url if named is None else os.fsdecode(named)))

    def url_of(self, key: str) -> str:
        return key

    def stat(self) -> Object:
        seen = os.stat(self.key)
        return Object(seen.st_size, f"{seen.st_size:x}-{seen.st_mtime_ns:x}-{seen.st_ino:x}")

    def read(self, start: int, stop: int, etag: str) -> bytes:
        if self.stat().etag != etag:
            raise changed(self.url)
        with open(self.key, "rb") as file:
            file.seek(start)
            data = file.read(stop - start)
        if len(data) != stop - start:
            raise changed(self.url)
        return data

    def get(self, key: str, most: int) -> bytes | None:
        try:
            with open(key, "rb") as file:
                return file.read(most + 1)
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes) -> None:
        redelta.write_patch(b"", redelta.delta(redelta.signature(b""), data), key)

    def proofs(self) -> str:
        return "digest"

    def own_signature(self) -> redelta.Signature:
        if self._signature is None:
            self._signature = redelta.Signature.build(self.key)
        return self._signature

    def replace(self, plan: Plan, content: Content, old: Object | None, proof: Proof, advance: Advance) -> Object:
        basis: redelta.Basis = self.key if old else b""
        signature = self.own_signature() if old else redelta.Signature.build(b"")
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(self.key))) as delta:
            redelta.write_delta(signature, Reader(content), delta)
            content.check()
            delta.seek(0)
            redelta.write_patch(basis, delta, self.key)
        advance(plan.size)
        return self.stat()
