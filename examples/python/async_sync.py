#!/usr/bin/env python3
"""A file fetched over asyncio streams.

    async_sync.py serve FILE [--port PORT]       offers the newest version of a file
    async_sync.py fetch HOST PORT FILE           brings FILE up to date

The client sends the length of its signature (8 bytes, big-endian) and the signature; the server answers with the delta,
and ends the connection.

Two ways meet here. Whole operations on files go to a thread (`asyncio.to_thread`); redelta lets other threads run while
it works, so the loop goes on. For what comes or goes in pieces there are the incremental objects: they do no input or
output of their own, so they fit any loop. A piece of work is heavy enough for a thread, too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import IO

import redelta

CHUNK = 256 * 1024
TIMEOUT = 60  # seconds without a piece
SIGNATURE_MAX = 64 << 20  # bytes that the server takes
FILE_MAX = 1 << 30  # bytes of a file that the client makes


async def send_delta(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one client. Memory: its signature, and a few pieces."""
    async with asyncio.timeout(TIMEOUT):
        length = int.from_bytes(await reader.readexactly(8), "big")
        if length > SIGNATURE_MAX:
            raise redelta.LimitError(f"a signature of {length} bytes is too long")
        data = await reader.readexactly(length)
    encoder = redelta.DeltaEncoder(await asyncio.to_thread(redelta.Signature.load, data))
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
            writer.transport.abort()  # so that the client cannot take this for the end of the delta
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    print(*server.sockets[0].getsockname(), flush=True)
    async with server:
        await server.serve_forever()


async def receive(reader: asyncio.StreamReader, basis: Path | bytes, made: IO[bytes]) -> redelta.Stats:
    """Patches the basis with the delta as it arrives."""
    with redelta.Patcher(basis, verify=True, max_output=FILE_MAX) as patcher:

        def write(data: bytes) -> None:
            made.write(patcher.update(data))

        while True:
            async with asyncio.timeout(TIMEOUT):
                data = await reader.read(CHUNK)
            if not data:
                break
            await asyncio.to_thread(write, data)
        made.write(patcher.finish())
        made.flush()
        return patcher.stats


async def fetch(host: str, port: int, path: Path) -> None:
    """The new version is made beside the file, and takes its place when it is whole and verified."""
    basis = path if path.exists() else b""
    signature = await asyncio.to_thread(redelta.signature, basis)
    reader, writer = await asyncio.open_connection(host, port)
    with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=".fetch-", delete=False) as made:
        try:
            writer.write(len(signature).to_bytes(8, "big") + signature)
            await writer.drain()
            stats = await receive(reader, basis, made)
            os.replace(made.name, path)
        except BaseException:
            os.unlink(made.name)
            raise
        finally:
            writer.close()
    print(f"received {stats.in_bytes} bytes for {stats.out_bytes}")


def main() -> int:
    parser = argparse.ArgumentParser(description="A file fetched over asyncio streams.")
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
