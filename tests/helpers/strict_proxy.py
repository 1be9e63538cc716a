"""A proxy before moto's S3 that is as strict as S3 itself, counts, and breaks.

moto keeps objects, but enforces little of what makes a push safe. This proxy enforces it: If-Match and If-None-Match
when an object is replaced, the version of what is copied, the sizes of parts, equal sizes if asked to, the checksum of
each part, and the checksum of the whole object, which it makes of the parts itself. It counts requests by kind and the
bytes of their bodies and heads in both directions. It can answer that it is busy, cut a connection before or after it
has passed a request on, answer slowly, or kill a process at the request of a given number.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
import select
import signal
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from awscrt import checksums

from helpers.processes import wait_for
from helpers.tool import HANG_SECONDS

MIB = 1 << 20
TIME = "%Y-%m-%dT%H:%M:%S.000Z"
HOP = ("connection", "transfer-encoding", "keep-alive", "content-length", "date", "server")

Action = Literal["busy", "reset", "lost", "cut", "slow", "hung", "kill before", "kill after", "interrupt"]
"""What goes wrong with a request: "reset": it does not arrive; "lost": its answer does not; "cut": half of it does;
"hung": it is passed on once nobody waits for the answer any more."""


@dataclass
class Fault:
    """Something that goes wrong with some requests."""

    action: Action
    kind: str | None = None
    """Of the requests; None: of all."""
    skip: int = 0
    """So many pass before."""
    times: int = 1
    """Then so many do not."""
    value: float = 0
    """Seconds of a slow answer, or the process that is killed or interrupted."""


@dataclass
class Seen:
    """A request."""

    kind: str
    key: str
    sent: int
    """Bytes of its body."""
    head: int
    """Bytes before that."""
    status: int = 0
    received: int = 0
    received_head: int = 0


@dataclass
class Rules:
    """How strict the store is."""

    least: int = 5 * MIB
    most: int = 5 * 1024 * MIB
    equal: bool = False
    checksum: bool = True
    """Whether there are checksums of whole objects."""
    guarded: bool = True
    """Whether what is sent must have a checksum of its own; s3fs gives none."""


@dataclass
class Upload:
    """A multipart upload, as the proxy knows it."""

    whole: bool
    began: str
    """As S3 writes a time; moto has one for all."""
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Length and checksum of each."""


class Refused(Exception):
    """An answer of the proxy itself."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class StrictProxy:
    """The proxy, while a `with` lasts."""

    def __init__(self, port: int, rules: Rules | None = None) -> None:
        self.upstream = port
        self.rules = rules or Rules()
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.uploads: dict[str, Upload] = {}
        self.lock = threading.Lock()
        self.replacing = threading.Lock()
        self.reading = threading.Lock()
        self.kept: tuple[str, str, bytes] = ("", "", b"")
        self.connections: set[Any] = set()
        self.earlier: set[Any] = set()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def get_request(self) -> tuple[Any, Any]:
                with proxy.lock:
                    found = super().get_request()
                    proxy.connections.add(found[0])
                return found

            def shutdown_request(self, request: Any) -> None:
                super().shutdown_request(request)
                with proxy.lock:
                    proxy.connections.discard(request)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that is gone is no error."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def reset(self) -> None:
        """Forgets what it counted, and what shall go wrong."""
        with self.lock:
            self.seen.clear()
            self.faults.clear()
            self.earlier = set(self.connections)

    def settle(self) -> None:
        """Waits until all has been done that was asked for since the last reset by clients that have ended: what they
        had sent may still be on its way."""
        wait_for(self.is_settled)

    def is_settled(self) -> bool:
        with self.lock:
            return self.connections <= self.earlier and not select.select([self.server], [], [], 0)[0]

    def count(self, *kinds: str) -> int:
        """Requests of these kinds, or all."""
        return sum(1 for each in self.seen if not kinds or each.kind in kinds)

    def sent(self, heads: bool = False) -> int:
        """Bytes that clients sent."""
        return sum(each.sent + (each.head if heads else 0) for each in self.seen)

    def received(self, heads: bool = False) -> int:
        """Bytes that clients got."""
        return sum(each.received + (each.received_head if heads else 0) for each in self.seen)

    def fault_of(self, kind: str) -> Fault | None:
        """What shall go wrong with this request."""
        with self.lock:
            for fault in self.faults:
                if fault.kind not in (None, kind) or fault.times == 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None


def kind_of(method: str, query: dict[str, list[str]], headers: Any) -> str:
    """The name of an operation."""
    copy = "x-amz-copy-source" in headers
    if method == "GET":
        for name, kind in (("list-type", "ListObjectsV2"), ("uploads", "ListMultipartUploads"), ("tagging", "GetTags")):
            if name in query:
                return kind
        return "ListParts" if "uploadId" in query else "GetObject"
    if method == "PUT":
        if "partNumber" in query:
            return "UploadPartCopy" if copy else "UploadPart"
        return "CopyObject" if copy else "PutObject"
    if method == "POST":
        return "CreateUpload" if "uploads" in query else "CompleteUpload" if "uploadId" in query else "DeleteObjects"
    if method == "DELETE":
        return "AbortUpload" if "uploadId" in query else "DeleteObject"
    return "HeadObject"


def checksum_of(value: int) -> str:
    return base64.b64encode(value.to_bytes(8, "big")).decode()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    owner: StrictProxy
    protocol_version = "HTTP/1.1"
    timeout = HANG_SECONDS

    def log_message(self, format: str, *values: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.pass_on()

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

    def pass_on(self) -> None:
        """A request and its answer."""
        split = urlsplit(self.path)
        self.query = parse_qs(split.query, keep_blank_values=True)
        self.kind = kind_of(self.command, self.query, self.headers)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        head = len(self.requestline) + 2 + len(str(self.headers))
        seen = Seen(self.kind, unquote(split.path).split("/", 2)[-1], len(body), head)
        with self.owner.lock:
            self.owner.seen.append(seen)
        fault = self.owner.fault_of(self.kind)
        if fault is not None and self.goes_wrong(fault, seen):
            return
        try:
            status, headers, data = self.decide(body)
        except Refused as refused:
            status, headers, data = refusal(refused)
        if fault is not None and fault.action == "kill after":
            os.kill(int(fault.value), signal.SIGKILL)
        if fault is not None and fault.action == "lost":
            self.close_connection = True
            return
        self.answer(status, headers, data, seen, cut=fault is not None and fault.action == "cut")

    def goes_wrong(self, fault: Fault, seen: Seen) -> bool:
        """Whether the request goes no further."""
        if fault.action == "slow":
            time.sleep(fault.value)
        elif fault.action == "hung":
            select.select([self.connection], [], [], HANG_SECONDS)  # until it is closed
        elif fault.action == "kill before":
            os.kill(int(fault.value), signal.SIGKILL)
        elif fault.action == "interrupt":
            os.kill(int(fault.value), signal.SIGINT)
        elif fault.action == "busy":
            self.answer(*refusal(Refused(503, "SlowDown", "Please reduce your request rate.")), seen)
        elif fault.action != "reset":
            return False
        goes_on = fault.action in ("slow", "hung", "interrupt")
        self.close_connection = not goes_on and fault.action != "busy"
        return not goes_on

    def answer(self, status: int, headers: list[tuple[str, str]], data: bytes, seen: Seen, cut: bool = False) -> None:
        """Sends it."""
        seen.status, seen.received = status, 0 if self.command == "HEAD" else len(data)
        seen.received_head = 20 + sum(len(name) + len(value) + 4 for name, value in headers)
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        if self.command == "HEAD":
            length = next((value for name, value in headers if name.lower() == "content-length"), "0")
            self.send_header("Content-Length", length)
        elif status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut

    def upstream(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """A request to moto."""
        connection = http.client.HTTPConnection("127.0.0.1", self.owner.upstream, timeout=HANG_SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def own(self) -> dict[str, str]:
        """The headers of a request of the proxy's own: moto wants to be told who asks, whoever it is."""
        return {name: self.headers[name] for name in ("Host", "Authorization") if name in self.headers}

    def etag_of(self, path: str) -> str | None:
        """Of an object; None if there is none. Where it is replaced at this moment, moto fails for want of its content:
        S3 would have had one version or the other, so the client is told to ask again."""
        status, headers, _ = self.upstream("HEAD", path, headers=self.own())
        if status == 404:
            return None
        if status != 200:
            raise Refused(503, "SlowDown", "moto has no content of this object now")
        return {name.lower(): value for name, value in headers}.get("etag")

    # ---- What S3 enforces --------------------------------------------------------------------------------------------

    def decide(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer to a request."""
        self.check_sums(body)
        if self.kind == "CreateUpload":
            return self.create(body)
        if self.kind in ("UploadPart", "UploadPartCopy"):
            return self.part(body)
        if self.kind == "CompleteUpload":
            with self.owner.replacing:
                self.check_condition()
                self.check_parts(body)
                return self.forward(body)
        if self.kind == "PutObject":
            with self.owner.replacing:
                self.check_condition()
                return self.forward(body)
        if self.kind == "GetObject" and "If-Match" in self.headers:
            path = urlsplit(self.path).path
            etag = self.etag_of(path)
            if etag is not None and etag != self.headers["If-Match"]:
                raise Refused(412, "PreconditionFailed")
            if etag is not None and "Range" in self.headers:
                return 206, [("ETag", etag)], self.range_of(path, etag, self.headers["Range"])
        if self.kind == "ListMultipartUploads":
            return self.uploads(body)
        return self.forward(body)

    def uploads(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The list of uploads, with the times at which they began."""
        status, headers, data = self.forward(body)

        def corrected(found: re.Match[str]) -> str:
            number = re.search("<UploadId>(.*?)</UploadId>", found[0])
            known = self.owner.uploads.get(number[1] if number else "")
            return re.sub("<Initiated>.*?<", f"<Initiated>{known.began}<", found[0]) if known else found[0]

        return status, headers, re.sub("<Upload>.*?</Upload>", corrected, data.decode(), flags=re.DOTALL).encode()

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Passes it on, without the conditions that were checked."""
        checked = ("if-match", "if-none-match", "x-amz-copy-source-if-match", "expect")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in checked}
        return self.upstream(self.command, self.path, body, headers)

    def check_sums(self, body: bytes) -> None:
        """The checksums of what a request sends."""
        given = self.headers.get("x-amz-checksum-crc64nvme")
        if given and not self.owner.rules.checksum:
            raise Refused(501, "NotImplemented", "no such checksum")
        if self.kind in ("UploadPart", "PutObject"):
            if given and given != checksum_of(checksums.crc64nvme(body)):
                raise Refused(400, "BadDigest", "checksum")
            md5 = self.headers.get("Content-MD5")
            if md5 and md5 != base64.b64encode(hashlib.md5(body).digest()).decode():
                raise Refused(400, "BadDigest", "MD5")
            if self.owner.rules.guarded and not given and not md5:
                raise Refused(400, "InvalidRequest", "nothing guards what is sent")

    def check_condition(self) -> None:
        """If-Match and If-None-Match of an object that is replaced."""
        etag = self.etag_of(urlsplit(self.path).path)
        wanted = self.headers.get("If-Match")
        if wanted and etag is None:
            raise Refused(404, "NoSuchKey")
        if (wanted and wanted != etag) or (self.headers.get("If-None-Match") == "*" and etag is not None):
            raise Refused(412, "PreconditionFailed")

    def create(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        algorithm = self.headers.get("x-amz-checksum-algorithm")
        if algorithm and not self.owner.rules.checksum:
            raise Refused(501, "NotImplemented", "no such checksum")
        status, headers, data = self.forward(body)
        if status == 200:
            whole = (algorithm, self.headers.get("x-amz-checksum-type")) == ("CRC64NVME", "FULL_OBJECT")
            self.owner.uploads[text_of(data, "UploadId")] = Upload(whole, time.strftime(TIME, time.gmtime()))
        return status, headers, data

    def part(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upload = self.owner.uploads.get(self.query["uploadId"][0])
        if upload is None:
            raise Refused(404, "NoSuchUpload")
        data = body if self.kind == "UploadPart" else self.copied()
        if len(data) > self.owner.rules.most:
            raise Refused(400, "EntityTooLarge")
        status, headers, answer = self.forward(body)
        if status == 200:
            upload.parts[int(self.query["partNumber"][0])] = (len(data), checksums.crc64nvme(data))
        return status, headers, answer

    def copied(self) -> bytes:
        """What a part is copied from, which must be the version that is named."""
        source = "/" + self.headers["x-amz-copy-source"].lstrip("/")
        etag = self.etag_of(source)
        if etag is None:
            raise Refused(404, "NoSuchKey")
        if self.headers.get("x-amz-copy-source-if-match") != etag:
            raise Refused(412, "PreconditionFailed", "the source is another version")
        span = self.headers["x-amz-copy-source-range"]
        start, stop = span.removeprefix("bytes=").split("-")
        data = self.range_of(source, etag, span)
        if len(data) != int(stop) + 1 - int(start):
            raise Refused(400, "InvalidArgument", "the range is not in the source")
        return data

    def range_of(self, path: str, etag: str, span: str) -> bytes:
        """A range of an object. The last object is kept, since moto reads all of one for each of its ranges."""
        owner = self.owner
        with owner.reading:
            if owner.kept[:2] != (path, etag):
                status, headers, data = self.upstream("GET", path, headers=self.own())
                if status != 200 or {name.lower(): value for name, value in headers}.get("etag") != etag:
                    raise Refused(503, "SlowDown", "the object is being replaced")
                owner.kept = (path, etag, data)
            start, _, stop = span.removeprefix("bytes=").partition("-")
            return owner.kept[2][int(start) : int(stop) + 1]

    def check_parts(self, body: bytes) -> None:
        """The parts of an upload that is completed, and the checksum of the whole."""
        upload = self.owner.uploads.get(self.query["uploadId"][0])
        if upload is None:
            raise Refused(404, "NoSuchUpload")
        numbers = [int(each.text or 0) for each in ET.fromstring(body).iter() if each.tag.endswith("PartNumber")]
        if numbers != sorted(upload.parts):
            raise Refused(400, "InvalidPart")
        parts = [upload.parts[number] for number in numbers]
        if any(length < self.owner.rules.least for length, _ in parts[:-1]):
            raise Refused(400, "EntityTooSmall")
        if self.owner.rules.equal and (len({length for length, _ in parts[:-1]}) > 1 or parts[-1][0] > parts[0][0]):
            raise Refused(400, "InvalidPart", "All non-trailing parts must have the same length.")
        size, value = parts[0]
        for length, part in parts[1:]:
            value, size = checksums.combine_crc64nvme(value, part, length), size + length
        given = self.headers.get("x-amz-checksum-crc64nvme")
        if given and not upload.whole:
            raise Refused(400, "InvalidRequest", "the upload was not begun with this checksum")
        if given and given != checksum_of(value):
            raise Refused(400, "BadDigest", "the whole object")
        wanted = self.headers.get("x-amz-mp-object-size")
        if wanted and int(wanted) != size:
            raise Refused(400, "InvalidRequest", "the size of the object")


def refusal(refused: Refused) -> tuple[int, list[tuple[str, str]], bytes]:
    """As S3 says it."""
    text = f"<Error><Code>{refused.code}</Code><Message>{refused.message}</Message></Error>"
    return refused.status, [("Content-Type", "application/xml")], text.encode()


def text_of(data: bytes, name: str) -> str:
    """Of the element of that name."""
    return next(each.text or "" for each in ET.fromstring(data).iter() if each.tag.endswith(name))
