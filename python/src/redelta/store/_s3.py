"""S3 and what is like it, through boto3.

botocore repeats what fails for a while (its mode "standard": throttling, 5xx, timeouts and broken connections, with
growing pauses); only the body of an answer that breaks off is asked for again here. What then still fails becomes a
typed error.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from redelta._errors import ParameterError, VerifyError
from redelta.store._backend import WORKERS, Advance, Backend, Object, Proof
from redelta.store._checksum import base64_of, crc64nvme, md5
from redelta.store._errors import StoreError, UnavailableError, changed, forbidden, imported, no_bucket, not_found
from redelta.store._limits import R2, S3, Limits
from redelta.store._plan import Plan
from redelta.store._s3_assembly import Assembly, version_of
from redelta.store._s3_clean import sweep
from redelta.store._sources import Content, Section, chunks

ATTEMPTS = 8
PAUSE = 0.1
"""Seconds before the second attempt; twice as many before each other."""

KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "StorageClass",
    "WebsiteRedirectLocation",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "ObjectLockLegalHoldStatus",
)
"""Headers of an object that its new version gets, too."""

READS = ("Get", "Head")
FREE = ("Delete", "Abort")
THROTTLED = ("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "InternalError", "RequestTimeout")
BAD = ("BadDigest", "XAmzContentChecksumMismatch")


def limits_of(endpoint: str | None) -> Limits:
    """By the name of the host."""
    host = urlsplit(endpoint or "").hostname or ""
    return R2 if host.endswith("r2.cloudflarestorage.com") else S3


def all_of(body: Any, most: int | None) -> bytes:
    """The body of an answer, or its first bytes. Raises an exception if it breaks off, which botocore notices where
    nothing more comes."""
    if most is None:
        return bytes(body.read())
    data = b""
    while len(data) < most and (chunk := body.read(most - len(data))):
        data += chunk
    body.close()
    return data


class S3Store(Backend):
    """An object in a bucket."""

    def __init__(self, url: str, options: dict[str, Any], limits: Limits | None, workers: int = WORKERS) -> None:
        super().__init__(workers)
        self.url = url
        parts = urlsplit(url, allow_fragments=False)
        self.bucket = parts.netloc
        self.key = url.split("//", 1)[1].partition("/")[2]
        if not self.bucket or not self.key:
            raise ParameterError(f"{url!r} names no object: s3://BUCKET/KEY is needed")
        self.client, endpoint = client_of(options, workers, url)
        self.limits = limits or limits_of(endpoint)
        self.client.meta.events.register("before-send.s3", self._count)

    def _count(self, request: Any, event_name: str, **_: Any) -> None:
        name = event_name.rpartition(".")[2]
        kind = "reads" if name.startswith(READS) else "free" if name.startswith(FREE) else "writes"
        sent = int(request.headers.get("Content-Length") or 0) if name in ("PutObject", "UploadPart") else 0
        self.meter.count(**{kind: 1}, sent=sent)

    def call(self, name: str, **parameters: Any) -> Any:
        """A request of the bucket; its failures are those of this package."""
        try:
            return self._ask(name, parameters)
        except Exception as error:
            failure = getattr(parameters.get("Body"), "failure", None)  # of what is sent: see Section
            if failure is not None:
                raise failure from error
            raise

    def _ask(self, name: str, parameters: dict[str, Any]) -> Any:
        exceptions = imported("botocore.exceptions", "s3", self.url)
        key = parameters.get("Key", self.key)
        try:
            return getattr(self.client, name)(Bucket=self.bucket, **parameters)
        except exceptions.ClientError as error:
            raise self.failure(error, self.url_of(key)) from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise forbidden(self.url_of(key), "there are no credentials") from error
        except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
            raise unavailable(self.url_of(key), str(error)) from error
        except exceptions.BotoCoreError as error:
            raise StoreError(f"{self.url_of(key)!r}: {error}", url=self.url) from error

    def failure(self, error: Any, url: str) -> BaseException:
        """What an answer of the store that is a failure becomes."""
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        said = f"{code}: {error.response.get('Error', {}).get('Message', '')}".rstrip(": ")
        if code in ("PreconditionFailed", "ConditionalRequestConflict") or status == 412:
            return changed(url)
        if code in BAD:
            return VerifyError(
                f"{url!r}: the store found other bytes than the new file has ({said}), so the signature was not that "
                "of the object, or the new file changed; nothing was replaced: sign the object again, and push again"
            )
        if code == "NoSuchUpload":
            return StoreError(f"{url!r}: the upload was removed by somebody else ({said}); do it again", url=url)
        if code == "NoSuchBucket":
            return no_bucket(url)
        if status == 404:
            return not_found(url)
        if status in (401, 403):
            return forbidden(url, said)
        if (status >= 500 and status != 501) or status == 429 or code in THROTTLED:
            return unavailable(url, said)
        if status == 501:
            said += "; say what it has: limits=dataclasses.replace(store.S3, checksum=False, conditional=False)"
        return StoreError(f"{url!r}: the store refuses: {said}", url=url)

    def url_of(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def close(self) -> None:
        self.client.close()

    # ---- Objects -----------------------------------------------------------------------------------------------------

    def stat(self) -> Object:
        try:
            return self.head(self.key)
        except FileNotFoundError:
            self._check_bucket()
            raise

    def _check_bucket(self) -> None:
        """Raises NoBucketError if there is none. The answer to a question about an object does not tell; who may not
        ask for the bucket is not told either."""
        with contextlib.suppress(PermissionError, StoreError):
            try:
                self.call("head_bucket")
            except FileNotFoundError as error:
                raise no_bucket(self.url) from error

    def head(self, key: str) -> Object:
        """An object as it is now. Raises FileNotFoundError."""
        mode = {"ChecksumMode": "ENABLED"} if self.limits.checksum else {}
        found = self.call("head_object", Key=key, **mode)
        kept = {name: found[name] for name in KEPT if found.get(name) not in (None, "")}
        if found.get("TagCount"):
            kept["tags"] = found["TagCount"]
        full = found.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        checksum = found.get("ChecksumCRC64NVME") if full else None
        return Object(found["ContentLength"], found["ETag"], version_of(found), checksum, kept)

    def carried(self, old: Object | None) -> dict[str, Any]:
        """What a new version keeps, as parameters of the request that makes it."""
        kept = dict(old.kept) if old else {}
        if kept.pop("tags", 0):
            tags = self.call("get_object_tagging", Key=self.key)["TagSet"]
            kept["Tagging"] = urlencode([(each["Key"], each["Value"]) for each in tags])
        return kept

    def read(self, start: int, stop: int, etag: str) -> bytes:
        return self.read_of(self.key, start, stop, etag)

    def read_of(self, key: str, start: int, stop: int, etag: str) -> bytes:
        """A range of a version of any object."""
        if start == stop:
            return b""
        data = self._body(key, Range=f"bytes={start}-{stop - 1}", IfMatch=etag)
        if len(data) != stop - start:
            raise StoreError(f"{self.url_of(key)!r}: {len(data)} bytes came instead of {stop - start}", url=self.url)
        return data

    def get(self, key: str, most: int) -> bytes | None:
        try:
            return self._body(key, most + 1)
        except FileNotFoundError:
            return None

    def _body(self, key: str, most: int | None = None, **parameters: Any) -> bytes:
        """The body of an answer, or its first bytes, asked for again if it breaks off."""
        exceptions = imported("botocore.exceptions", "s3", self.url)
        errors = imported("urllib3.exceptions", "s3", self.url)
        for attempt in range(ATTEMPTS):
            answer = self.call("get_object", Key=key, **parameters)
            try:
                data = all_of(answer["Body"], most)
                self.meter.count(received=len(data))
                return data
            except (exceptions.BotoCoreError, errors.HTTPError, OSError) as error:
                if attempt == ATTEMPTS - 1:
                    raise unavailable(self.url_of(key), str(error)) from error
                time.sleep(PAUSE * 2**attempt * random.uniform(0.5, 1))
        raise AssertionError("unreachable")

    def put(self, key: str, data: bytes) -> None:
        self.put_version(key, data, ContentType="application/zstd")

    def put_version(self, key: str, data: bytes, **more: Any) -> str | None:
        """Makes or replaces a small object; the number of its version, in a bucket that keeps them."""
        return version_of(self.call("put_object", Key=key, Body=data, **more, **self.sum_of([data])))

    def sum_of(self, data: Any) -> dict[str, Any]:
        """The checksum of what one request sends, as its parameters."""
        if self.limits.checksum:
            return {"ChecksumCRC64NVME": crc64nvme(data, self.url)}
        return {"ContentMD5": base64_of(md5(data))}

    # ---- New versions ------------------------------------------------------------------------------------------------

    def proofs(self) -> str:
        return "checksum" if self.limits.checksum else "read"

    def condition(self, old: Object | None) -> dict[str, Any]:
        """Under which the old object is replaced."""
        if not self.limits.conditional:
            return {}
        return {"IfMatch": old.etag} if old else {"IfNoneMatch": "*"}

    def replace(self, plan: Plan, content: Content, old: Object | None, proof: Proof, advance: Advance) -> Object:
        if not plan.single:
            return Assembly(self, plan, content, old, proof, advance).run()
        sums = self.sum_of(chunks(content))
        content.check()
        body = Section(content, 0, plan.size) if plan.size else b""
        kept = self.carried(old)
        try:
            made = self.call("put_object", Key=self.key, Body=body, **sums, **kept, **self.condition(old))
        except (StoreError, FileNotFoundError):
            now = self.unless_made(self.key, old, plan.size, sums.get("ChecksumCRC64NVME"), None)
            if now is None:
                raise
            return now
        advance(plan.size)
        return Object(plan.size, made["ETag"], version_of(made), made.get("ChecksumCRC64NVME"))

    def unless_made(
        self, key: str, old: Object | None, size: int, checksum: str | None, etag: str | None
    ) -> Object | None:
        """The object, if it is what a request that has failed was to make: an answer can get lost, and the request that
        repeats it then finds its work done."""
        try:
            now = self.head(key)
        except (StoreError, OSError):
            return None
        if now.size != size or (old is not None and now.etag == old.etag):
            return None
        same = (checksum is not None and now.checksum == checksum) or (etag is not None and now.etag == etag)
        return now if same else None

    def clean(self, older_than: float) -> tuple[int, int, int]:
        return sweep(self, older_than)


def unavailable(url: str, said: str) -> UnavailableError:
    """The store did not do it."""
    return UnavailableError(f"{url!r}: the store does not answer, or is too busy: {said}; try again later", url=url)


def client_of(options: dict[str, Any], workers: int, url: str) -> tuple[Any, str | None]:
    """A client, of options that are named as those of s3fs, and its endpoint."""
    imported("boto3", "s3", url)
    config = imported("botocore.config", "s3", url)
    client = dict(options.get("client_kwargs") or {})
    endpoint = options.get("endpoint_url") or client.pop("endpoint_url", None)
    settings: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
        "max_pool_connections": workers,
        "connect_timeout": 10,
        "read_timeout": 60,
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        **(options.get("config_kwargs") or {}),
    }
    if options.get("anon"):
        settings["signature_version"] = imported("botocore", "s3", url).UNSIGNED
    names = [options.get(name) for name in ("key", "secret", "token", "profile")]
    with SESSIONS:
        session = session_of(*names, client.pop("region_name", None))
        made = session.client("s3", endpoint_url=endpoint, config=config.Config(**settings), **client)
    return made, endpoint


SESSIONS = threading.Lock()
"""A session makes clients for one thread at a time."""


@lru_cache(maxsize=8)
def session_of(key: str | None, secret: str | None, token: str | None, profile: str | None, region: str | None) -> Any:
    """A session, which keeps what takes a tenth of a second to read: the description of S3."""
    return imported("boto3", "s3").Session(
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        profile_name=profile,
        region_name=region,
    )
