"""Azurite, Microsoft's emulator of Azure's blobs, as a process.

`scripts/setup azurite` puts it where it is found here. It has Put Block From URL since the release 3.37. Its manifest
asks for node 22; with node 20 it does what is needed here. It keeps everything in memory, and tells nobody.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.ports import reserved_port
from helpers.processes import wait_for

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The one that is in its manual: no secret."""
PLACE = Path(__file__).parents[2] / "build/azurite/node_modules/.bin/azurite-blob"


def azurite() -> str | None:
    """The program, if it is installed."""
    named = os.environ.get("REDELTA_AZURITE")
    return named or shutil.which("azurite-blob") or (str(PLACE) if PLACE.exists() else None)


@contextmanager
def azurite_server(program: str, folder: Path) -> Iterator[str]:
    """The connection string of a server that runs as long as the `with` lasts."""
    command = [program, "--blobHost", "127.0.0.1", "--inMemoryPersistence"]
    command += ["--disableTelemetry", "--skipApiVersionCheck", "--silent"]
    null = subprocess.DEVNULL
    with (
        reserved_port() as port,
        subprocess.Popen([*command, "--blobPort", str(port)], cwd=folder, stdout=null, stderr=null) as process,
    ):
        try:
            wait_for(lambda: is_listening(process, port))
            base = f"http://127.0.0.1:{port}/devstoreaccount1"
            yield f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};BlobEndpoint={base};"
        finally:
            process.kill()


def is_listening(process: subprocess.Popen[bytes], port: int) -> bool:
    """Can it be connected to?"""
    assert process.poll() is None, "azurite has ended"
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0
