"""A new version put together by a multipart upload, with staging objects if its plan has some.

The upload that will replace the object is begun first: its number is in the names of the staging objects, so that
whoever finds those after a kill finds the upload, too. Nothing is seen of the new version until the upload is
completed, in one step, under three conditions that the store checks: the object is still the one that was read
(If-Match), every copy was of that version (x-amz-copy-source-if-match), and the checksum of the whole is that of the
new file. Where the store has no such checksum, the version is put together under a staging name, read back, and then
copied to its own name.

Whatever ends this, an exception or Ctrl-C, removes uploads and staging objects; a kill leaves them to the next push.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import redelta
from redelta._errors import VerifyError
from redelta.store._backend import CHUNK, Advance, Object, Proof
from redelta.store._checksum import crc64nvme
from redelta.store._errors import StoreError
from redelta.store._plan import DELETES, OLD, CopyPart, Part, Plan, PutPart, Segment, Stage, grid, least_grid, sized
from redelta.store._sources import Content, Section, chunks
from redelta.store._staging import ACTIVE, Run, prefix_of

if TYPE_CHECKING:
    from redelta.store._s3 import S3Store


@dataclass(frozen=True)
class Origin:
    """What is copied from."""

    key: str
    etag: str
    version: str | None = None


class Assembly:
    """One new version in the making."""

    def __init__(
        self, store: S3Store, plan: Plan, content: Content, old: Object | None, proof: Proof, advance: Advance
    ) -> None:
        self.store = store
        self.plan = plan
        self.content = content
        self.old = old
        self.proof = proof
        self.advance = advance
        self.uploads: set[tuple[str, str]] = set()
        self.made: list[tuple[str, str | None]] = []
        self.stages: list[Future[Origin]] = []
        self.over = False

    def run(self) -> Object:
        """Makes it, and cleans up."""
        kept = self.store.carried(self.old)
        by_reading = self.proof.how == "read"
        whole = crc64nvme(chunks(self.content), self.store.url) if self.proof.how == "checksum" else None
        upload = self.create(self.store.key, kept, whole)
        run = Run.begin(upload)
        ACTIVE.add(run.name)
        self.prefix = f"{prefix_of(self.store.key)}{run.name}/"
        try:
            if not self.plan.stages and not by_reading:
                self.mark()
            if not by_reading:
                etags = self.fill(self.store.key, upload)
                return self.finish(self.store.key, upload, etags, whole, self.store.condition(self.old))
            origin = self.stage_whole()
            self.read_back(origin)
            etags = self.copy_whole(origin, upload)
            return self.finish(self.store.key, upload, etags, None, self.store.condition(self.old))
        finally:
            self.over = True
            self.clean_up()
            ACTIVE.discard(run.name)

    def mark(self) -> None:
        """Makes an empty object that tells of a run without stages, by its name."""
        key = f"{self.prefix}mark"
        self.made.append((key, None))
        self.made[-1] = (key, self.store.put_version(key, b""))

    # ---- Uploads -----------------------------------------------------------------------------------------------------

    def create(self, key: str, kept: dict[str, Any], whole: str | None) -> str:
        """Begins an upload."""
        sums = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"} if self.store.limits.checksum else {}
        upload: str = self.store.call("create_multipart_upload", Key=key, **kept, **sums)["UploadId"]
        self.uploads.add((key, upload))
        return upload

    def send(self, key: str, upload: str, number: int, part: Part) -> str:
        """One part; returns its ETag."""
        if self.over:
            raise StoreError("this push is over", url=self.store.url)
        where = {"Key": key, "UploadId": upload, "PartNumber": number}
        if isinstance(part, PutPart):
            sums = self.store.sum_of(chunks(self.content, part.target, part.target + part.length))
            body = Section(self.content, part.target, part.length)
            etag: str = self.store.call("upload_part", **where, Body=body, ContentLength=part.length, **sums)["ETag"]
            return etag
        return self.copy(where, part, self.origin(part))

    def copy(self, where: dict[str, Any], part: CopyPart, origin: Origin) -> str:
        """A part that the store copies."""
        source = {"Bucket": self.store.bucket, "Key": origin.key}
        if origin.version:
            source["VersionId"] = origin.version
        answer = self.store.call(
            "upload_part_copy",
            **where,
            CopySource=source,
            CopySourceRange=f"bytes={part.offset}-{part.offset + part.length - 1}",
            CopySourceIfMatch=origin.etag,
        )
        etag: str = answer["CopyPartResult"]["ETag"]
        return etag

    def origin(self, part: CopyPart) -> Origin:
        """What a part is copied from; waits for its stage."""
        if part.source != OLD:
            return self.stages[part.source].result()
        assert self.old is not None
        return Origin(self.store.key, self.old.etag, self.old.version)

    def finish(
        self, key: str, upload: str, etags: Sequence[str], whole: str | None, condition: dict[str, Any]
    ) -> Object:
        """Completes an upload."""
        parts = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, 1)]
        size = self.plan.size
        sums = {"ChecksumCRC64NVME": whole, "ChecksumType": "FULL_OBJECT", "MpuObjectSize": size} if whole else {}
        if key == self.store.key:
            self.content.check()
        try:
            made = self.store.call(
                "complete_multipart_upload",
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                **sums,
                **condition,
            )
        except (StoreError, FileNotFoundError):
            old = self.old if key == self.store.key else None
            found = self.store.unless_made(key, old, size, whole, joined_etag(etags))
            if found is None:
                raise
            self.uploads.discard((key, upload))
            return found
        self.uploads.discard((key, upload))
        return Object(size, made["ETag"], version_of(made), made.get("ChecksumCRC64NVME"))

    # ---- Parts and stages --------------------------------------------------------------------------------------------

    def fill(self, key: str, upload: str) -> list[str]:
        """Makes the stages and sends all parts; returns their ETags. The stages come first, in an order in which none
        waits for a later one, so no worker waits for what none does. The upload of the first one is begun before
        anything else: its name tells of the run, so there is never a part of which nothing tells."""
        first = self.begin_stage(0) if self.plan.stages else None
        pool = ThreadPoolExecutor(self.store.workers, thread_name_prefix="redelta-store")
        try:
            for number in range(len(self.plan.stages)):
                self.stages.append(pool.submit(self.stage, number, None if number else first))
            todo = {
                pool.submit(self.send, key, upload, number, part): part
                for number, part in enumerate(self.plan.parts, 1)
            }
            for done in as_completed(todo):
                done.result()
                self.advance(todo[done].length)
            return [each.result() for each in todo]
        except BaseException:
            self.over = True
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def begin_stage(self, number: int) -> str:
        """Begins the upload of a staging object."""
        return self.create(self.stage_key(number), self.staged_kept(), None)

    def stage_key(self, number: int) -> str:
        return f"{self.prefix}{number:05}"

    def stage(self, number: int, upload: str | None) -> Origin:
        """Makes a staging object, whose upload may have been begun."""
        stage = self.plan.stages[number]
        key = self.stage_key(number)
        upload = upload or self.begin_stage(number)
        etags = self.stage_parts(key, upload, stage)
        parts = [{"ETag": etag, "PartNumber": place} for place, etag in enumerate(etags, 1)]
        try:
            made = self.store.call(
                "complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
            )
            origin = Origin(key, made["ETag"], version_of(made))
        except (StoreError, FileNotFoundError):
            found = self.store.unless_made(key, None, stage.length, None, joined_etag(etags))
            if found is None:
                raise
            origin = Origin(key, found.etag, found.version)
        self.made.append((key, origin.version))
        self.uploads.discard((key, upload))
        return origin

    def stage_parts(self, key: str, upload: str, stage: Stage) -> list[str]:
        """Sends the parts of a stage: two one after the other, many by workers of their own. None of those waits for a
        stage that was not begun before this one, so none waits for a worker."""
        numbers = range(1, len(stage.parts) + 1)
        if len(stage.parts) <= 2:
            return [self.send(key, upload, number, part) for number, part in zip(numbers, stage.parts, strict=True)]
        with ThreadPoolExecutor(self.store.workers, thread_name_prefix="redelta-store") as pool:
            return list(pool.map(self.send, repeat(key), repeat(upload), numbers, stage.parts))

    def staged_kept(self) -> dict[str, Any]:
        """Staging objects are encrypted as the object is."""
        names = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
        kept = self.old.kept if self.old else {}
        return {name: kept[name] for name in names if name in kept}

    # ---- Without a checksum of the whole -----------------------------------------------------------------------------

    def stage_whole(self) -> Origin:
        """The new version, under a staging name."""
        key = f"{self.prefix}object"
        upload = self.create(key, self.staged_kept(), None)
        made = self.finish(key, upload, self.fill(key, upload), None, {})
        self.made.append((key, made.version))
        return Origin(key, made.etag, made.version)

    def read_back(self, origin: Origin) -> None:
        """Reads the staged version, and compares its digest. Raises VerifyError."""
        pool = ThreadPoolExecutor(self.store.workers, thread_name_prefix="redelta-store")
        try:
            reader = Readback(pool, self.store, origin, self.plan.size)
            digest = redelta.digest(reader).hex()
        finally:
            pool.shutdown(cancel_futures=True)
        if digest != self.proof.digest:
            raise VerifyError(
                f"{self.store.url!r}: what the store put together is not the new version, so the signature or the "
                "delta is not of this object; nothing was replaced: make it again"
            )

    def copy_whole(self, origin: Origin, upload: str) -> list[str]:
        """The staged version, copied to the object."""
        limits, size = self.store.limits, self.plan.size
        segments = [Segment(0, size, 0)]
        if limits.equal_parts:
            length = max(least_grid(size, limits), min(size, limits.copy_part))
            parts = grid(segments, size, length, "parts").parts
        else:
            parts = sized(segments, limits)
        with ThreadPoolExecutor(self.store.workers, thread_name_prefix="redelta-store") as pool:
            where = [{"Key": self.store.key, "UploadId": upload, "PartNumber": n} for n in range(1, len(parts) + 1)]
            return list(pool.map(self.copy, where, parts, [origin] * len(parts)))

    # ---- The end -----------------------------------------------------------------------------------------------------

    def clean_up(self) -> None:
        """Removes what must not stay. What cannot be removed now is left to the next push."""
        for key, upload in sorted(self.uploads):
            try:
                self.store.call("abort_multipart_upload", Key=key, UploadId=upload)
            except (StoreError, OSError):
                continue
        remove(self.store, self.made)


class Readback:
    """The staged object as a reader that fetches ahead."""

    def __init__(self, pool: ThreadPoolExecutor, store: S3Store, origin: Origin, size: int) -> None:
        self._pool, self._store, self._origin, self._size = pool, store, origin, size
        self._waiting: list[Future[bytes]] = []
        self._next = 0
        self._kept = b""

    def _ask(self) -> None:
        while self._next < self._size and len(self._waiting) < self._store.workers:
            stop = min(self._next + CHUNK, self._size)
            origin = self._origin
            self._waiting.append(self._pool.submit(self._store.read_of, origin.key, self._next, stop, origin.etag))
            self._next = stop

    def read(self, length: int, /) -> bytes:
        """Up to so many bytes; none only at the end."""
        self._ask()
        if not self._kept and self._waiting:
            self._kept = self._waiting.pop(0).result()
        data, self._kept = self._kept[:length], self._kept[length:]
        return data


def remove(store: S3Store, objects: Sequence[tuple[str, str | None]]) -> None:
    """Deletes objects, in a bucket that keeps versions those versions. What fails is left to the next push."""
    for start in range(0, len(objects), DELETES):
        names = [
            {"Key": key, **({"VersionId": version} if version else {})}
            for key, version in objects[start : start + DELETES]
        ]
        try:
            store.call("delete_objects", Delete={"Objects": names, "Quiet": True})
        except (StoreError, OSError):
            continue


def version_of(answer: dict[str, Any]) -> str | None:
    """The number of a version, in a bucket that keeps them."""
    version: str | None = answer.get("VersionId")
    return None if version == "null" else version


def joined_etag(etags: Sequence[str]) -> str | None:
    """The ETag that S3 gives to an upload of these parts; None where theirs are no MD5 sums."""
    try:
        sums = b"".join(bytes.fromhex(etag.strip('"')) for etag in etags)
    except ValueError:
        return None
    return f'"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(etags)}"'
