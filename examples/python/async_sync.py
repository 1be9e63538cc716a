#!/usr/bin/env python3
"""Fetches a file over asyncio streams.

    async_sync.py serve FILE [--port PORT]       serves the newest version of a file
    async_sync.py fetch HOST PORT FILE           brings FILE up to date

The client sends the length of its signature (8 bytes, big-endian) and the signature; the server answers with the delta,
and closes the connection.

It combines two techniques. Whole operations on files run in a thread (`in_thread` below); redelta lets other threads
run while it works, so the event loop continues. Data that is sent or received in chunks goes through an incremental
object, here the server's DeltaEncoder: these do no input or output themselves, so they fit into any loop. Each of their
calls runs in a thread, too.

async_session.py does the same by a session of `redelta.sync`, which takes fewer bytes, and more round trips.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

import redelta

T = TypeVar("T")

CHUNK = 256 * 1024
TIMEOUT = 60  # seconds without data
SIGNATURE_MAX = 64 << 20  # bytes of a signature that the server accepts
MEMORY_MAX = 128 << 20  # bytes of a loaded signature, which may arrive compressed, and two of its blocks
DELTA_MAX = 1 << 30  # bytes of a delta that the client accepts
FILE_MAX = 1 << 30  # bytes of a file that the client makes


class StoppedError(Exception):
    """Ends the work of a task that was cancelled."""


async def in_thread(operation: Callable[..., T], *arguments: object, **options: object) -> T:
    """Like `asyncio.to_thread`, for an operation of redelta; if the task is cancelled, the operation ends, too."""
    stop = threading.Event()

    def look(done: int, total: int | None) -> None:
        if stop.is_set():
            raise StoppedError

    try:
        return await asyncio.to_thread(operation, *arguments, progress=look, **options)
    finally:
        stop.set()


async def send_delta(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one client. It needs memory for the signature, two of its blocks, and a few chunks."""
    async with asyncio.timeout(TIMEOUT):
        length = int.from_bytes(await reader.readexactly(8), "big")
        if length > SIGNATURE_MAX:
            raise redelta.LimitError(f"a signature of {length} bytes is too long")
        data = await reader.readexactly(length)
    encoder = redelta.DeltaEncoder(await in_thread(redelta.Signature.load, data, max_memory=MEMORY_MAX))
    with open(path, "rb") as new:
        while data := await asyncio.to_thread(new.read, CHUNK):
            writer.write(await asyncio.to_thread(encoder.update, data))
            async with asyncio.timeout(TIMEOUT):
                await writer.drain()
    writer.write(await asyncio.to_thread(encoder.finish))
    async with asyncio.timeout(TIMEOUT):
        await writer.drain()


async def serve(path: str, port: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await send_delta(path, reader, writer)
        except (OSError, EOFError, redelta.RedeltaError) as error:
            print(f"client: {error}", file=sys.stderr, flush=True)
            writer.transport.abort()  # so that the client does not mistake this for the end of the delta
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    print(*server.sockets[0].getsockname(), flush=True)
    async with server:
        await server.serve_forever()


async def receive(reader: asyncio.StreamReader, file: IO[bytes]) -> None:
    """Writes what it receives to a file, up to a limit."""
    left = DELTA_MAX
    while True:
        async with asyncio.timeout(TIMEOUT):
            data = await reader.read(CHUNK)
        if not data:
            file.seek(0)
            return
        left -= len(data)
        if left < 0:
            raise redelta.LimitError(f"a delta of more than {DELTA_MAX} bytes is too long")
        await asyncio.to_thread(file.write, data)


async def fetch(host: str, port: int, path: Path) -> None:
    """The delta is received completely first, because a few bytes of it can cause any amount of work. The file is
    replaced when the new one is complete and verified."""
    basis = path if path.exists() else b""
    signature = await in_thread(redelta.signature, basis)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(len(signature).to_bytes(8, "big") + signature)
        await writer.drain()
        with tempfile.TemporaryFile() as delta:
            await receive(reader, delta)
            stats = await in_thread(redelta.write_patch, basis, delta, path, verify=True, max_output=FILE_MAX)
    finally:
        writer.close()
    print(f"received {stats.in_bytes} bytes for {stats.out_bytes}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetches a file over asyncio streams.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serving = verbs.add_parser("serve")
    serving.add_argument("file")
    serving.add_argument("--port", type=int, default=0)
    fetching = verbs.add_parser("fetch")
    fetching.add_argument("host")
    fetching.add_argument("port", type=int)
    fetching.add_argument("file", type=Path)
    given = parser.parse_args()
    try:
        if given.verb == "serve":
            asyncio.run(serve(given.file, given.port))
        else:
            asyncio.run(fetch(given.host, given.port, given.file))
    except (OSError, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
