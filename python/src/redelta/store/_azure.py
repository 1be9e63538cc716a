"""Block blobs of Azure: blocks that are copied (Put Block From URL) or sent (Put Block), of any length, and a list of
them that makes the new version in one step (Put Block List).

Azure has no checksum of whole blobs, but compares that of each block with what arrives, also of those that it copies
from the blob itself: so each copied block is proved by the MD5 of the same bytes here. Where those are not at hand (a
delta applied to a blob), the new version is put together under a staging name, read back, and then copied.

Blocks that no list names disappear within a week, so a push that is killed leaves nothing to remove but the staging
blob of such a patch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import redelta
from redelta._errors import ParameterError, VerifyError
from redelta.store._backend import WORKERS, Advance, Backend, Object, Proof
from redelta.store._checksum import md5
from redelta.store._errors import StoreError, UnavailableError, changed, forbidden, imported, no_bucket, not_found
from redelta.store._limits import AZURE, Limits
from redelta.store._plan import CopyPart, Part, Plan, PutPart, Segment, sized
from redelta.store._sources import Content, Section, chunks
from redelta.store._staging import ACTIVE, Run, prefix_of, run_of

HOURS = 24
"""The time for which a blob can be read by its own store to copy from it."""


class AzureStore(Backend):
    """A blob in a container: az://CONTAINER/BLOB, or abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/BLOB."""

    def __init__(self, url: str, options: dict[str, Any], limits: Limits | None, workers: int = WORKERS) -> None:
        super().__init__(workers)
        self.url = url
        self.limits = limits or AZURE
        self.scheme, _, rest = url.partition("://")
        place, _, self.key = rest.partition("/")
        self.name, _, host = place.partition("@")
        if not self.name or not self.key:
            raise ParameterError(f"{url!r} names no blob: az://CONTAINER/BLOB is needed")
        self.blobs = imported("azure.storage.blob", "azure", url)
        self.core = imported("azure.core", "azure", url)
        self.errors = imported("azure.core.exceptions", "azure", url)
        self.service = service_of(self.blobs, options, host.partition(".")[0], url)
        self.container = self.service.get_container_client(self.name)
        self._sas: tuple[float, str] | None = None

    def url_of(self, key: str) -> str:
        return f"{self.scheme}://{self.name}/{key}"

    def close(self) -> None:
        self.service.close()

    def call(self, key: str, name: str, *values: Any, **parameters: Any) -> Any:
        """A request about a blob; its failures are those of this package."""
        try:
            return getattr(self.container.get_blob_client(key), name)(*values, **parameters)
        except self.errors.AzureError as error:
            raise self.failure(error, self.url_of(key)) from error

    def failure(self, error: Any, url: str) -> BaseException:
        """What a failure of the SDK becomes."""
        status = getattr(error, "status_code", None)
        code = getattr(error, "error_code", None) or ""
        code = str(getattr(code, "value", code))
        said = str(getattr(error, "message", error)).partition("\n")[0]
        if status == 412 or code in ("SourceConditionNotMet", "ConditionNotMet", "BlobAlreadyExists"):
            return changed(url)
        if code in ("Md5Mismatch", "Crc64Mismatch", "InvalidMd5"):
            return VerifyError(
                f"{url!r}: the store found other bytes than the new file has ({code}), so the signature was not that "
                "of the object, or the new file changed; nothing was replaced: sign the object again, and push again"
            )
        if getattr(error, "error_code", None) == "ContainerNotFound":
            return no_bucket(url, "container")
        if status == 404:
            return not_found(url)
        if status in (401, 403):
            return forbidden(url, said)
        if status is None or status >= 500 or status == 429:
            return UnavailableError(
                f"{url!r}: the store does not answer, or is too busy: {said}; try again later", url=url
            )
        return StoreError(f"{url!r}: the store refuses: {said}", url=url)

    # ---- Blobs -------------------------------------------------------------------------------------------------------

    def stat(self) -> Object:
        self.meter.count(reads=1)
        found = self.call(self.key, "get_blob_properties")
        if str(found.blob_type).rpartition(".")[2].lower() not in ("blockblob", "block_blob"):
            raise StoreError(f"{self.url!r} is no block blob, and only those are put together of blocks", url=self.url)
        kept: dict[str, Any] = {"content_settings": found.content_settings, "metadata": dict(found.metadata or {})}
        kept["content_settings"].content_md5 = None
        if found.blob_tier and not found.blob_tier_inferred:
            kept["standard_blob_tier"] = found.blob_tier
        if found.encryption_scope:
            kept["encryption_scope"] = found.encryption_scope
        if found.tag_count:
            kept["tags"] = found.tag_count
        return Object(found.size, found.etag, found.version_id, None, kept)

    def carried(self, old: Object | None) -> dict[str, Any]:
        """What a new version keeps, as parameters of the request that makes it."""
        kept = dict(old.kept) if old else {}
        if kept.pop("tags", 0):
            self.meter.count(reads=1)
            kept["tags"] = self.call(self.key, "get_blob_tags")
        return kept

    def read(self, start: int, stop: int, etag: str) -> bytes:
        return self.read_of(self.key, start, stop, etag)

    def read_of(self, key: str, start: int, stop: int, etag: str) -> bytes:
        """A range of a version of any blob."""
        if start == stop:
            return b""
        self.meter.count(reads=1)
        try:
            stream = self.call(key, "download_blob", offset=start, length=stop - start, **self.only(etag))
            data: bytes = stream.readall()
        except self.errors.AzureError as error:
            raise self.failure(error, self.url_of(key)) from error
        self.meter.count(received=len(data))
        return data

    def get(self, key: str, most: int) -> bytes | None:
        self.meter.count(reads=1)
        try:
            data: bytes = self.call(key, "download_blob").read(most + 1)
        except FileNotFoundError:
            return None
        self.meter.count(received=len(data))
        return data

    def put(self, key: str, data: bytes) -> None:
        self.meter.count(writes=1, sent=len(data))
        settings = self.blobs.ContentSettings(content_type="application/zstd", content_md5=bytearray(md5([data])))
        self.call(key, "upload_blob", data, overwrite=True, content_settings=settings)

    def only(self, etag: str) -> dict[str, Any]:
        """The condition that a blob is that version."""
        return {"etag": etag, "match_condition": self.core.MatchConditions.IfNotModified}

    # ---- New versions ------------------------------------------------------------------------------------------------

    def proofs(self) -> str:
        return "blocks"

    def condition(self, old: Object | None) -> dict[str, Any]:
        """Under which the old blob is replaced."""
        return self.only(old.etag) if old else {"match_condition": self.core.MatchConditions.IfMissing}

    def replace(self, plan: Plan, content: Content, old: Object | None, proof: Proof, advance: Advance) -> Object:
        if proof.how != "read":
            blocks = self.blocks(self.key, plan.parts, content, old, proof.how == "blocks", advance)
            content.check()
            return self.commit(self.key, blocks, plan.size, self.carried(old), self.condition(old))
        run = Run.begin(uuid4().hex)
        key = f"{prefix_of(self.key)}{run.name}/object"
        ACTIVE.add(run.name)
        try:
            blocks = self.blocks(key, plan.parts, content, old, False, advance)
            staged = self.commit(key, blocks, plan.size, {}, {})
            self.check_staged(key, staged, proof)
            parts = sized([Segment(0, plan.size, 0)], self.limits)
            blocks = self.blocks(self.key, parts, content, staged, False, None, origin=key)
            return self.commit(self.key, blocks, plan.size, self.carried(old), self.condition(old))
        finally:
            self.delete(key)
            ACTIVE.discard(run.name)

    def check_staged(self, key: str, staged: Object, proof: Proof) -> None:
        """Reads the staged version, and compares its digest. Raises VerifyError."""
        spans = ((start, min(start + (8 << 20), staged.size)) for start in range(0, staged.size, 8 << 20))
        reader = Spans(self.read_of(key, start, stop, staged.etag) for start, stop in spans)
        if redelta.digest(reader).hex() != proof.digest:
            raise VerifyError(
                f"{self.url!r}: what the store put together is not the new version, so the delta is not of this "
                "object; nothing was replaced: give the delta of this object"
            )

    def blocks(
        self,
        key: str,
        parts: Sequence[Part],
        content: Content,
        old: Object | None,
        proved: bool,
        advance: Advance | None,
        origin: str | None = None,
    ) -> list[str]:
        """Makes the blocks of a blob; returns their names, which no other push uses."""
        names = [f"{uuid4().hex}{number:06}" for number in range(len(parts))]
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="redelta-store")
        try:
            todo = {
                pool.submit(self.block, key, name, part, content, old, proved, origin or self.key): part
                for name, part in zip(names, parts, strict=True)
            }
            for done in as_completed(todo):
                done.result()
                if advance is not None:
                    advance(todo[done].length)
        finally:
            pool.shutdown(cancel_futures=True)
        return names

    def block(
        self, key: str, name: str, part: Part, content: Content, old: Object | None, proved: bool, origin: str
    ) -> None:
        """Makes one block."""
        self.meter.count(writes=1, sent=part.length if isinstance(part, PutPart) else 0)
        if isinstance(part, PutPart):
            body = Section(content, part.target, part.length) if part.length > 1 << 20 else None
            data: Any = body or content.read(part.target, part.length)
            self.call(key, "stage_block", name, data, length=part.length, validate_content=body is None)
            return
        assert isinstance(part, CopyPart)
        assert old is not None
        sums = md5(chunks(content, part.target, part.target + part.length)) if proved else None
        self.call(
            key,
            "stage_block_from_url",
            name,
            self.readable(origin),
            source_offset=part.offset,
            source_length=part.length,
            source_content_md5=sums,
            headers={"x-ms-source-if-match": old.etag},
        )

    def commit(
        self, key: str, names: Sequence[str], size: int, kept: dict[str, Any], condition: dict[str, Any]
    ) -> Object:
        """Makes the blob of its blocks."""
        self.meter.count(writes=1)
        blocks = [self.blobs.BlobBlock(block_id=name) for name in names]
        try:
            made = self.call(key, "commit_block_list", blocks, **kept, **condition)
        except (StoreError, OSError):
            found = self.unless_made(key, names, size)
            if found is None:
                raise
            return found
        return Object(size, made["etag"], made.get("version_id"))

    def unless_made(self, key: str, names: Sequence[str], size: int) -> Object | None:
        """The blob, if it is what a request that has failed was to make: an answer can get lost, and the request that
        repeats it then finds another blob than the old one. Nobody else has blocks of these names."""
        if not names:
            return None
        self.meter.count(reads=2)
        try:
            now = self.call(key, "get_blob_properties")
            committed, _ = self.call(key, "get_block_list", "committed", **self.only(now.etag))
        except (StoreError, OSError):
            return None
        return Object(size, now.etag, now.version_id) if [each.id for each in committed] == list(names) else None

    def readable(self, key: str) -> str:
        """The address of a blob, by which the store itself may read it: with a signature of the account's key, or the
        one that came with the options."""
        client = self.container.get_blob_client(key)
        url: str = client.url
        credential = self.service.credential
        if "?" in url or not hasattr(credential, "account_key"):
            return url
        now = time.time()
        if self._sas is None or self._sas[0] < now:
            token = self.blobs.generate_container_sas(
                self.service.account_name,
                self.name,
                account_key=credential.account_key,
                permission=self.blobs.ContainerSasPermissions(read=True),
                expiry=datetime.now(UTC) + timedelta(hours=HOURS),
            )
            self._sas = now + HOURS * 1800, token
        return f"{url}?{self._sas[1]}"

    # ---- The end -----------------------------------------------------------------------------------------------------

    def delete(self, key: str) -> bool:
        """Removes a staging blob; whether it was there. What fails is left to the next push."""
        self.meter.count(free=1)
        try:
            self.call(key, "delete_blob")
        except (StoreError, OSError):
            return False
        return True

    def clean(self, older_than: float) -> tuple[int, int, int]:
        self.meter.count(writes=1)
        removed = kept = 0
        try:
            found = list(self.container.list_blob_names(name_starts_with=prefix_of(self.key)))
        except self.errors.AzureError as error:
            raise self.failure(error, self.url) from error
        for name in found:
            run = run_of(self.key, name)
            if run is not None and run.is_over(older_than):
                removed += self.delete(name)
            elif run is not None:
                kept += 1
        return removed, 0, kept


class Spans:
    """Chunks as a reader."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = iter(chunks)
        self._kept = b""

    def read(self, length: int, /) -> bytes:
        """Up to so many bytes; none only at the end."""
        if not self._kept:
            self._kept = next(self._chunks, b"")
        data, self._kept = self._kept[:length], self._kept[length:]
        return data


def service_of(blobs: Any, options: dict[str, Any], account: str, url: str) -> Any:
    """A client, of options that are named as those of adlfs."""
    settings = {"retry_total": 8, "retry_connect": 8, "retry_read": 8, "retry_status": 8, "initial_backoff": 0.2}
    settings |= options.get("config_kwargs") or {}
    if options.get("connection_string"):
        return blobs.BlobServiceClient.from_connection_string(options["connection_string"], **settings)
    name = options.get("account_name") or account
    if not name:
        raise ParameterError(f"{url!r} needs storage_options with connection_string or account_name")
    host = options.get("account_host") or f"{name}.blob.core.windows.net"
    credential = options.get("account_key") or options.get("sas_token") or options.get("credential")
    if credential is None and not options.get("anon"):
        credential = imported("azure.identity", "azure", url).DefaultAzureCredential()
    return blobs.BlobServiceClient(f"https://{host}", credential=credential, **settings)
