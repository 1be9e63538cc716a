"""`redelta push` and `redelta pull`: a file, and an object in a bucket."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from redelta._cli._arguments import (
    Parser,
    add_common,
    add_dry_run,
    add_storage_options,
    add_switch,
    count,
    given,
    split,
)
from redelta._cli._records import STATUS_DONE, plain, shown
from redelta._cli._run import Run
from redelta._cli._run import main as run_verb

PUSH = """\
Make the object URL the same as FILE, sending as little as possible: what has
not changed is copied within the store. URL is that of a store, as
s3://bucket/key, https://ACCOUNT.blob.core.windows.net/container/blob, or
file:///path; the object is replaced as a whole, or not at all.
"""

PUSH_EPILOG = """\
Example:
  redelta push disk.img s3://backups/disk.img
"""

PULL = """\
Make FILE the same as the object URL, fetching as little as possible: only
ranges that an old file has not. FILE is replaced only once its new contents are
complete and verified.
"""

PULL_EPILOG = """\
Example:
  redelta pull s3://backups/disk.img disk.img
"""


def needed() -> ModuleType:
    """What does the work."""
    return import_module("redelta.store")


def push(run: Run) -> int:
    found = run.arguments
    options = given(found, *SHARED, "signature", "read", "mode", "renew")
    run.verbose(f"{shown(found.file)} to {shown(found.url)}")
    done = needed().push(found.file, found.url, progress=run.progress, **options)
    return finish(run, done)


def pull(run: Run) -> int:
    found = run.arguments
    options = given(found, *SHARED, "whole")
    run.verbose(f"{shown(found.url)} to {shown(found.file)}")
    old = found.old if found.old is not None else found.file if os.path.exists(found.file) else None
    done = needed().pull(found.url, old, found.file, progress=run.progress, **options)
    return finish(run, done)


def finish(run: Run, done: Any) -> int:
    """What was done: of a dry run on standard output, else if statistics are wanted."""
    figures = plain(done)
    rows = [
        (name.replace("_", " "), f"{value:,}", "bytes" if name in BYTES else "")
        for name, value in figures.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    cost = figures.get("cost")
    if cost is not None:
        rows.append(("at list price", f"{cost:,.6f}", "US dollars"))
    if run.arguments.dry_run and not run.records.on_output:
        run.table(rows, output=True)
    elif run.arguments.stats:
        run.table(rows)
    tell_note(run, figures)
    run.result(STATUS_DONE, figures.get("size", 0), object=figures)
    return STATUS_DONE


def tell_note(run: Run, figures: dict[str, Any]) -> None:
    """What made it dearer than it need be: always if it is about a signature, since then something can be done."""
    note = figures.get("note")
    if not note or run.quiet:
        return
    advice = (
        "; --sign puts one there" if note.startswith(MISSING) and getattr(run.arguments, "renew", None) is None else ""
    )
    say = run.told if "signature" in note else run.verbose
    say(f"{shown(figures['url'])}: {note}{advice}")


MISSING = "there is no signature"
BYTES = (
    "size",
    "bytes_sent",
    "bytes_received",
    "literal_bytes",
    "uploaded",
    "copied",
    "fetched",
    "signature_bytes",
    "reused",
)
"""Fields of the results that are numbers of bytes."""


LEFT = {
    "push": "the object is the old one or the new one, as a whole: run it again",
    "pull": "the file is the old one or the new one, as a whole: run it again",
}
"""What a signal leaves."""

SHARED = ("limits", "workers", "storage_options", "dry_run")


def add_shared(parser: Parser) -> None:
    add_dry_run(parser)
    parser.add_argument("--workers", metavar="N", type=count, help="N requests at once")
    parser.add_argument(
        "--store", dest="limits", metavar="NAME", help="whose limits count, if URL does not tell: s3, r2, google, ..."
    )
    add_storage_options(parser, storage="URL")
    add_common(parser)


def push_main() -> int:
    parser = Parser("redelta push", description=PUSH, epilog=PUSH_EPILOG)
    parser.add_argument("file", metavar="FILE", help="the new version")
    parser.add_argument("url", metavar="URL", help="the object")
    sign = parser.add_mutually_exclusive_group()
    sign.add_argument(
        "--sign", dest="renew", action="store_true", default=None,
        help="put a signature beside the object, for the next push and for pull; default: if there is one",
    )  # fmt: skip
    sign.add_argument("--no-sign", dest="renew", action="store_false", help="put none there")
    parser.add_argument("--signature", metavar="FILE", help="the signature of the object; default: that beside it")
    add_switch(parser, "--read", help="without a signature, read the object first; default: send all of FILE")
    parser.add_argument(
        "--mode", choices=("auto", "exact", "parts", "whole"), help="how the object is put together; default: auto"
    )
    add_shared(parser)
    return run_verb("push", parser.parse_args(split(sys.argv[1:])), push, LEFT["push"])


def pull_main() -> int:
    parser = Parser("redelta pull", description=PULL, epilog=PULL_EPILOG)
    parser.add_argument("url", metavar="URL", help="the object")
    parser.add_argument("file", metavar="FILE", help="the file to make")
    parser.add_argument("--old", metavar="OLDFILE", help="an old version; default: FILE, if it is there")
    add_switch(parser, "--whole", help="without a signature beside the object, fetch all of it")
    add_shared(parser)
    return run_verb("pull", parser.parse_args(split(sys.argv[1:])), pull, LEFT["pull"])
