#!/usr/bin/env python3
"""Synchronises files over HTTP, using only redelta and the standard library.

    http_sync.py serve FOLDER [--port PORT]      serves the files of a folder
    http_sync.py push FILE URL                   makes the file at URL equal to FILE
    http_sync.py pull URL FILE                   makes FILE equal to the file at URL

Only signatures and deltas are transferred. The server has three methods for a file `/NAME`:

    GET    returns its signature (that of an empty file, if there is no such file)
    POST   accepts a signature, and returns the delta from its basis to the file
    PATCH  accepts a delta, and applies it to the file

Untrusted data is received completely before it is processed. Its length is limited, and so are the memory that it
needs and the file that it makes.

A patch is verified, and the file replaced atomically: after a broken connection, a wrong delta or requests of two
clients at the same time, the file is the old or the new one, never a mixture. Add TLS and authentication before you
expose this to the internet.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import redelta

TIMEOUT = 60  # seconds without a byte
BODY_MAX = 64 << 20  # bytes of a signature or a delta that the server accepts
FILE_MAX = 1 << 30  # bytes of a file that the server makes
MEMORY_MAX = 128 << 20  # bytes of a loaded signature, which may arrive compressed, and two of its blocks
CHUNK = 1 << 16
NAME = re.compile(r"/[A-Za-z0-9_][A-Za-z0-9_.-]*")


class RefusedError(Exception):
    """A request that is refused, with a status and a line of text."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """Serves the files of a folder. Of two patches at the same time, the second finds that its basis has changed."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        super().__init__(address, Handler)
        self.folder = folder
        self.patching = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = TIMEOUT
    begun = False  # an answer has been started, so it is too late for another

    def do_GET(self) -> None:
        self.answer(self.give_signature)

    def do_POST(self) -> None:
        self.answer(self.give_delta)

    def do_PATCH(self) -> None:
        self.answer(self.take_delta)

    def answer(self, work: Callable[[], None]) -> None:
        """Does the work, and turns an exception into a status, or into the end of the connection."""
        try:
            work()
        except (OSError, RefusedError, redelta.RedeltaError) as error:
            if self.begun or isinstance(error, ConnectionError | TimeoutError):
                self.log_error("%s", error)
            else:
                self.send_error(*status_of(error))

    def begin(self, status: HTTPStatus, length: int | None = None) -> None:
        self.begun = True
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def give_signature(self) -> None:
        """The signature is small, so it is made in memory."""
        signature = redelta.signature(existing(self.path_of()))
        self.begin(HTTPStatus.OK, len(signature))
        self.wfile.write(signature)

    def give_delta(self) -> None:
        """The delta is sent while it is made. If that fails, the connection ends, and the client's patch finds that the
        delta is truncated."""
        with self.body() as body, self.path_of().open("rb") as new:
            signature = redelta.Signature.load(body, max_memory=MEMORY_MAX)
            self.begin(HTTPStatus.OK)
            redelta.write_delta(signature, new, self.wfile)

    def take_delta(self) -> None:
        with self.body() as delta, self.server.patching:
            path = self.path_of()
            redelta.write_patch(existing(path), delta, path, verify=True, max_output=FILE_MAX)
        self.begin(HTTPStatus.NO_CONTENT)

    def path_of(self) -> Path:
        if not NAME.fullmatch(self.path):
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such name")
        return self.server.folder / self.path[1:]

    @contextmanager
    def body(self) -> Iterator[IO[bytes]]:
        """The complete body of the request, in a temporary file."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "send Content-Length")
        left = int(length)
        if left > BODY_MAX:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {BODY_MAX} bytes")
        with tempfile.TemporaryFile() as body:
            while left and (data := self.rfile.read(min(left, CHUNK))):
                body.write(data)
                left -= len(data)
            if left:
                raise RefusedError(HTTPStatus.BAD_REQUEST, "the body ends too early")
            body.seek(0)
            yield body


def status_of(error: Exception) -> tuple[HTTPStatus, str | None]:
    """The status for an error, and a text that does not reveal paths of the server."""
    match error:
        case RefusedError():
            return error.status, str(error)
        case redelta.LimitError():
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error.reason
        case redelta.VerifyError():
            return HTTPStatus.CONFLICT, "the file is not what the delta was made for: get its signature again"
        case redelta.RedeltaError():
            return HTTPStatus.BAD_REQUEST, error.reason
        case FileNotFoundError():
            return HTTPStatus.NOT_FOUND, None
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR, None


def existing(path: Path) -> Path | bytes:
    """The file, or nothing instead of a missing one."""
    return path if path.exists() else b""


def push(path: str, url: str) -> None:
    """Tries again once if another client has changed the file in the meantime."""
    for tries_left in (1, 0):
        with urlopen(url, timeout=TIMEOUT) as response:
            signature = redelta.Signature.load(response, max_memory=MEMORY_MAX)
        with tempfile.TemporaryFile() as delta:
            stats = redelta.write_delta(signature, path, delta)
            length = delta.tell()
            delta.seek(0)
            request = Request(url, delta, {"Content-Length": str(length)}, method="PATCH")
            try:
                urlopen(request, timeout=TIMEOUT).close()
            except HTTPError as error:
                if error.code == HTTPStatus.CONFLICT and tries_left:
                    continue
                raise
        print(f"sent {length} bytes for {stats.in_bytes}")
        return


def pull(url: str, path: Path) -> None:
    """The delta is applied while it arrives; the file is replaced when the new one is complete."""
    basis = existing(path)
    request = Request(url, redelta.signature(basis), method="POST")
    with urlopen(request, timeout=TIMEOUT) as delta:
        stats = redelta.write_patch(basis, delta, path, verify=True, max_output=FILE_MAX)
    print(f"received {stats.in_bytes} bytes for {stats.out_bytes}")


def serve(folder: Path, port: int) -> None:
    with Server(("127.0.0.1", port), folder) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description="Synchronises files over HTTP.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serving = verbs.add_parser("serve")
    serving.add_argument("folder", type=Path)
    serving.add_argument("--port", type=int, default=0)
    pushing = verbs.add_parser("push")
    pushing.add_argument("file")
    pushing.add_argument("url")
    pulling = verbs.add_parser("pull")
    pulling.add_argument("url")
    pulling.add_argument("file", type=Path)
    given = parser.parse_args()
    try:
        if given.verb == "serve":
            serve(given.folder, given.port)
        elif given.verb == "push":
            push(given.file, given.url)
        else:
            pull(given.url, given.file)
    except HTTPError as error:
        print(f"{given.url}: {error.code} {error.reason}", file=sys.stderr)
        return 1
    except (OSError, HTTPException, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
