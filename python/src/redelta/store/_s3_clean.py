"""What pushes that were killed have left in a bucket: found by its names, and removed once those pushes are over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redelta.store._errors import StoreError
from redelta.store._s3_assembly import remove
from redelta.store._staging import Run, hash_of, prefix_of, run_of

if TYPE_CHECKING:
    from redelta.store._s3 import S3Store


def pages(store: S3Store, name: str, items: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """The items of a listing, page by page."""
    following: dict[str, Any] = {}
    while True:
        answer = store.call(name, **parameters, **following)
        yield from answer.get(items, [])
        if not answer.get("IsTruncated"):
            return
        if name == "list_objects_v2":
            following = {"ContinuationToken": answer["NextContinuationToken"]}
        else:
            following = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer.get("NextUploadIdMarker", "")}


def sweep(store: S3Store, older_than: float) -> tuple[int, int, int]:
    """Removes staging objects and uploads of the object, if the pushes that made them are over. Two requests if there
    is nothing. Returns how many objects and uploads were removed, and how many of both were kept."""
    over: list[tuple[str, str | None]] = []
    runs: dict[str, Run] = {}
    kept = 0
    for each in pages(store, "list_objects_v2", "Contents", Prefix=prefix_of(store.key)):
        run = run_of(store.key, each["Key"])
        if run is None:
            continue
        runs[run.name] = run
        if run.is_over(older_than):
            over.append((each["Key"], None))
        else:
            kept += 1
    uploads, kept_uploads = sweep_uploads(store, runs, older_than)
    remove(store, over)
    return len(over), uploads, kept + kept_uploads


def sweep_uploads(store: S3Store, runs: dict[str, Run], older_than: float) -> tuple[int, int]:
    """Aborts uploads of runs that are over. The staging objects tell them; only an upload that was begun just before a
    kill is told by nothing: that has no part yet, and is removed when it is old."""
    found = list(pages(store, "list_multipart_uploads", "Uploads", Prefix=store.key))
    for each in found:
        run = run_of(store.key, each["Key"])
        if run is not None:
            runs[run.name] = run
    by_upload = {run.upload: run for run in runs.values()}
    aborted = kept = 0
    for each in found:
        key, upload = each["Key"], each["UploadId"]
        run = by_upload.get(hash_of(upload)) if key == store.key else run_of(store.key, key)
        if run is not None:
            over = run.is_over(older_than)
        elif key == store.key:
            over = age_of(each["Initiated"]) >= older_than and is_empty(store, upload)
        else:
            continue
        if not over:
            kept += 1
            continue
        try:
            store.call("abort_multipart_upload", Key=key, UploadId=upload)
            aborted += 1
        except (StoreError, OSError):
            kept += 1
    return aborted, kept


def age_of(moment: datetime) -> float:
    """In seconds."""
    return time.time() - moment.timestamp()


def is_empty(store: S3Store, upload: str) -> bool:
    """Whether an upload of the object has no parts."""
    try:
        return not store.call("list_parts", Key=store.key, UploadId=upload).get("Parts")
    except (StoreError, OSError):
        return False
