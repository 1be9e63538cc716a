"""A connection that breaks: runs a command, and carries at most so many bytes to it and back.

    cut.py THERE BACK COMMAND...

-1 is no limit. When one of them is reached, the command is killed and nothing more is carried.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading


def carry(source: int, target: int, most: int, process: subprocess.Popen[bytes]) -> None:
    """Until the end of the source, or `most` bytes."""
    left = most
    with contextlib.suppress(OSError):
        while left != 0:
            data = os.read(source, 65536 if left < 0 else min(left, 65536))
            if not data:
                break
            left = left if left < 0 else left - len(data)
            while data:
                data = data[os.write(target, data) :]
    if left == 0:
        process.kill()
    os.close(target)


def main() -> int:
    there, back = int(sys.argv[1]), int(sys.argv[2])
    process = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    feed = threading.Thread(target=carry, args=(0, os.dup(process.stdin.fileno()), there, process), daemon=True)
    process.stdin.close()
    feed.start()
    carry(process.stdout.fileno(), 1, back, process)
    return 255 if process.wait() else 0


if __name__ == "__main__":
    os._exit(main())
