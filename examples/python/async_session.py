#!/usr/bin/env python3
"""Brings a file up to date over asyncio streams, with the fewest bytes, in several round trips.

    async_session.py serve FILE [--port PORT]    offers the newest version of a file
    async_session.py fetch HOST PORT FILE        brings FILE up to date

Each side runs a session of `redelta.sync`, which says what the other one has to get; `carry` below takes that over the
connection. A session does no input or output of its own but on its file, and each of its steps runs in a thread, so the
event loop continues.

It takes fewer bytes than async_sync.py, which fetches a file in the three steps, by a signature and a delta, and only
one round trip.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import redelta
from redelta.sync import Session

T = TypeVar("T")

CHUNK = 256 * 1024
TIMEOUT = 60  # seconds without data
FILE_MAX = 1 << 30  # bytes of a file that the client makes


def started(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task whose exception is raised where it is awaited, and is of no interest if it is not."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def carry(session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Runs a session over a connection until it is done. While it waits for what was written to be sent, it goes on
    reading: if both sides waited until the other one reads, they would wait forever. And as long as that was not sent,
    it takes nothing more from the session but answers, so memory stays within bounds."""
    reading: asyncio.Task[bytes] = started(reader.read(CHUNK))
    try:
        writer.write(await asyncio.to_thread(session.step, max_length=CHUNK))
        while not session.done:
            waited: set[asyncio.Task[Any]] = {reading}
            if not session.needs_input:
                waited.add(started(writer.drain()))
            async with asyncio.timeout(TIMEOUT):
                finished, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for sending in waited - finished - {reading}:
                sending.cancel()
            for task in finished:
                await task  # raises what it has raised
            data, end = b"", False
            if reading in finished:
                data, end = reading.result(), reading.result() == b""
                reading = started(reader.read(CHUNK))
            writer.write(await asyncio.to_thread(session.step, data, end=end, max_length=CHUNK))
    except BaseException:
        writer.write(await asyncio.to_thread(session.cancel))  # the other side is told why
        raise
    finally:
        reading.cancel()
        writer.close()  # once all is sent
    async with asyncio.timeout(TIMEOUT):
        await writer.wait_closed()


async def serve(path: str, port: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with Session.sender(path) as session:
                await carry(session, reader, writer)
        except (OSError, EOFError, redelta.RedeltaError) as error:
            print(f"client: {error}", file=sys.stderr, flush=True)
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    print(*server.sockets[0].getsockname(), flush=True)
    async with server:
        await server.serve_forever()


async def fetch(host: str, port: int, path: Path) -> None:
    """The file is replaced when the new one is complete and verified."""
    with Session.receiver(path if path.exists() else None, path, max_output=FILE_MAX) as session:
        reader, writer = await asyncio.open_connection(host, port)
        await carry(session, reader, writer)
        state = session.state
    print(f"received {state.received} bytes for {state.new_size}, in {state.rounds} round trips")


def main() -> int:
    parser = argparse.ArgumentParser(description="Brings a file up to date over asyncio streams.")
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
    except (OSError, EOFError, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
