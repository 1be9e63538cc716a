"""Which instruction sets a build can be told to use."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path


def heeds_cpu(redelta: Path) -> bool:
    """Does this build read REDELTA_CPU? Such a build aborts at a name that it does not know."""
    ended = subprocess.run(
        [redelta, "signature"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=os.environ | {"REDELTA_CPU": "no such instruction set"},
        check=False,
    )
    assert ended.returncode in (0, -signal.SIGABRT)
    return ended.returncode != 0
