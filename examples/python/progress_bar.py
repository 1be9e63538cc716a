#!/usr/bin/env python3
"""Shows a progress bar of tqdm for each of the three steps.

    progress_bar.py OLD NEW COPY        makes COPY, equal to NEW, from OLD by signature and delta

Ctrl-C stops it immediately, and leaves COPY unchanged.
"""

from __future__ import annotations

import sys
import tempfile
from typing import NoReturn

from tqdm import tqdm

import redelta
from redelta import progress


def bar(title: str) -> tqdm[NoReturn]:
    """A bar that counts bytes."""
    return tqdm(desc=title, unit="B", unit_scale=True, unit_divisor=1024)


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: progress_bar.py OLD NEW COPY", file=sys.stderr)
        return 2
    old, new, copy = sys.argv[1:]
    try:
        with bar("signature") as shown:
            signature = redelta.signature(old, progress=progress.tqdm(shown))
        with tempfile.TemporaryFile() as delta:
            with bar("delta") as shown:
                redelta.write_delta(signature, new, delta, progress=progress.tqdm(shown))
            delta.seek(0)
            with bar("patch") as shown:
                redelta.write_patch(old, delta, copy, progress=progress.tqdm(shown))
    except (OSError, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
