#!/usr/bin/env python3
"""Shows a progress bar of tqdm for each of the three steps.

    progress_bar.py OLD NEW COPY        makes COPY, equal to NEW, from OLD by signature and delta

Ctrl-C stops it immediately, and leaves COPY unchanged.
"""

from __future__ import annotations

import sys
import tempfile

from tqdm import tqdm

import redelta


class Bar(tqdm):  # type: ignore[type-arg]
    """A bar that counts bytes. Pass its `show` to redelta's functions as `progress`."""

    def __init__(self, title: str) -> None:
        super().__init__(desc=title, unit="B", unit_scale=True, unit_divisor=1024)

    def show(self, done: int, total: int | None) -> None:
        self.total = total
        self.update(done - self.n)


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: progress_bar.py OLD NEW COPY", file=sys.stderr)
        return 2
    old, new, copy = sys.argv[1:]
    try:
        with Bar("signature") as bar:
            signature = redelta.signature(old, progress=bar.show)
        with tempfile.TemporaryFile() as delta:
            with Bar("delta") as bar:
                redelta.write_delta(signature, new, delta, progress=bar.show)
            delta.seek(0)
            with Bar("patch") as bar:
                redelta.write_patch(old, delta, copy, progress=bar.show)
    except (OSError, redelta.RedeltaError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
