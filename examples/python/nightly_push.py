#!/usr/bin/env python3
"""Brings copies of large files in a bucket up to date, such as images of virtual machines every night.

    nightly_push.py URL FILE...      each FILE becomes URL/its name; what of it the object there has is not sent
    nightly_push.py --dry-run URL FILE...

A signature lies beside each object: the first push makes it, each later one renews it. An object that somebody else has
replaced meanwhile is left alone, and told; so is a store that does not answer, after some tries. What a killed push has
left is removed first. The exit status is the number of files that failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import redelta
from redelta import store


def push(file: Path, url: str, dry_run: bool) -> bool:
    """A file; False, with a line on stderr: it failed."""
    try:
        done = store.push(file, url, renew=True, dry_run=dry_run)
    except (redelta.RedeltaError, OSError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return False
    word = "would send" if dry_run else "sent"
    cost = "" if done.cost is None else f", {done.cost:.4f} dollars"
    print(f"{url}: {done.size:,} bytes; {word} {done.bytes_sent:,} in {done.requests} requests{cost} ({done.mode})")
    return True


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("url", help="a prefix, such as s3://backups/images")
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    done = [push(file, f"{given.url.rstrip('/')}/{file.name}", given.dry_run) for file in given.files]
    return min(done.count(False), 100)


if __name__ == "__main__":
    sys.exit(main())
