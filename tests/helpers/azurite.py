"""Azurite, Microsoft's emulator of Azure's blobs, as a process.

`scripts/setup azurite` puts it where it is found here. It has Put Block From URL since the release 3.37. Its manifest
asks for node 22; with node 20 it does what is needed here. It keeps everything in memory, and tells nobody.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    command += ["--disableTelemetry", "--skipApiVersionCheck", "--silent"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert process.poll() is None, "azurite has ended"
                    time.sleep(0.05)
            base = f"http://127.0.0.1:{port}/devstoreaccount1"
            yield f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};BlobEndpoint={base};"
        finally:
            process.kill()
