"""`redelta dataset`: signatures, deltas and patches of directories of many files, on all processors or a cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from redelta._cli._arguments import (
    Parser,
    add_common,
    add_dry_run,
    add_engine,
    add_storage_options,
    add_switch,
    count,
    given,
    level,
    size,
    split,
    sum_size,
)
from redelta._cli._records import STATUS_DONE, STATUS_IDENTICAL, STATUS_MISMATCH, name_members, plain, say, shown
from redelta._cli._run import Run, engine
from redelta._cli._run import main as run_verb

PROG = "redelta dataset"

DESCRIPTION = """\
Bring a directory of many files up to date, in three steps as for one file; or
compare two. ROOT is a directory, or a prefix of a store, as s3://bucket/data.
What signature and delta make is a dataset: a directory of parquet files, and
of packs of librsync's signatures and deltas.
"""

EPILOG = """\
'redelta dataset VERB --help' shows more. Exit status: as that of redelta; 1
also if files could not be read, and all else is done.

Example, on the old side, on the new side, and on the old side again:
  redelta dataset signature data data.sig
  redelta dataset delta data.sig newer data.delta
  redelta dataset patch data.delta data
"""


def processors() -> int:
    """How many this process may use: as many processes work by default."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def needed() -> ModuleType:
    """What does the work."""
    return import_module("redelta.dataset")


# ---- The verbs -------------------------------------------------------------------------------------------------------


def do(run: Run, name: str, words: tuple[str, ...], options: dict[str, Any]) -> Any:
    """Calls a function of `redelta.dataset` with the words of the command line and those options that were given."""
    function = getattr(needed(), name)
    number = run.arguments.workers or processors()
    where = run.arguments.scheduler or f"{number} process{'es' if number > 1 else ''}"
    run.verbose(f"{', '.join(shown(word) for word in words)}, by {where}")
    with engine(run.arguments) as executor:
        return function(*words, executor=executor, progress=run.progress, **options)


def do_signature(run: Run) -> int:
    wish = run.arguments
    options = given(wish, *CUT, "block_len", "strong_len", "min_size", "storage_options", "dest_options")
    return finish(run, do(run, "write_signature", (wish.root, wish.dest), options))


def do_delta(run: Run) -> int:
    wish = run.arguments
    options = given(wish, *CUT, "compress", "renames", "storage_options", "dest_options", "signature_options")
    return finish(run, do(run, "write_delta", (wish.signature, wish.root, wish.dest), options))


def do_patch(run: Run) -> int:
    wish = run.arguments
    options = given(wish, "backup", "delete", "partial", "dry_run", "storage_options", "delta_options")
    if wish.max_output is not None:
        options["limits"] = needed().Limits(file_bytes=wish.max_output)
    return finish(run, do(run, "write_patch", (wish.delta, wish.root), options))


def do_sync(run: Run) -> int:
    wish = run.arguments
    options = given(
        wish, *SHARDS, "block_len", "min_size", "compress", "state", "backup", "delete", "partial", "dry_run",
        "storage_options", "dest_options", "state_options",
    )  # fmt: skip
    return finish(run, do(run, "sync", (wish.source, wish.dest), options))


def do_verify(run: Run) -> int:
    wish = run.arguments
    options = given(wish, "quick", "extra", "storage_options", "dataset_options")
    report = do(run, "verify", (wish.dataset, wish.root), options)
    changes = [*report]
    for change in changes:
        tell_change(run, change)
    if wish.stats:
        run.table([("files", f"{report.files:,}", ""), ("read", f"{report.bytes:,}", "bytes"), *times(report.seconds)])
    status = STATUS_MISMATCH if changes else STATUS_DONE
    if changes:
        run.told(f"{len(changes):,} path{'s differ' if len(changes) > 1 else ' differs'}")
    run.result(status, report.bytes, verified=not changes, changes=len(changes), files=report.files, bytes=report.bytes)
    return status


def do_diff(run: Run) -> int:
    wish = run.arguments
    number = 0
    for change in needed().diff(wish.old, wish.new, **given(wish, "renames", "old_options", "new_options")):
        tell_change(run, change)
        number += 1
    status = STATUS_IDENTICAL if number == 0 and wish.exit_code else STATUS_DONE
    run.result(status, 0, identical=number == 0, changes=number)
    return status


# ---- What they say ---------------------------------------------------------------------------------------------------


def tell_change(run: Run, change: Any) -> None:
    """A path that differs: for people a line on standard output, unless the records go there."""
    run.records.write(
        "change",
        kind=change.kind,
        **name_members("name", change.path),
        **name_members("old_name", change.old_path),
        old_size=change.old_size,
        size=change.size,
        message=change.text or None,
    )
    if run.records.on_output:
        return
    run.progress.clear()
    before = f"{shown(change.old_path)} -> " if change.old_path is not None else ""
    why = f": {change.text}" if change.text else ""
    say(f"{change.kind:<8} {before}{shown(change.path)}{why}")


def times(seconds: float) -> list[tuple[str, str, str]]:
    return [("time", f"{seconds:.3f}", "seconds")]


def finish(run: Run, summary: Any) -> int:
    """What was done: of a dry run on standard output, else if statistics are wanted."""
    figures = plain(summary)
    figures.pop("failures", None)  # none, or DatasetError would have been raised
    rows = [
        (name.replace("_", " "), f"{value:,}", "bytes" if name.endswith("bytes") else "")
        for name, value in figures.items()
        if isinstance(value, int) and not isinstance(value, bool) and value != 0
    ]
    rows += [(f"to {op}", f"{number:,}", "") for op, number in figures.get("ops", {}).items()]
    dry = bool(getattr(run.arguments, "dry_run", None))
    if dry and not run.records.on_output:
        run.table(rows, output=True)
    elif run.arguments.stats:
        run.table([*rows, *times(figures.get("seconds", 0.0))])
    figures.pop("seconds", None)  # the record has its own
    run.result(STATUS_DONE, figures.get("bytes", 0), dataset=figures, dry_run=dry)
    return STATUS_DONE


# ---- The command line ------------------------------------------------------------------------------------------------

SHARDS = ("shard_files", "shard_bytes", "large")
CUT = (*SHARDS, "resume", "known")


def add_shards(parser: Parser) -> None:
    parser.add_argument("--shard-files", metavar="N", type=count, help="about N files a shard, the unit of work")
    parser.add_argument("--shard-bytes", metavar="SIZE", type=size, help="at most SIZE bytes of files a shard")
    parser.add_argument("--large", metavar="SIZE", type=size, help="work on files above SIZE bytes in ranges")


def add_cut(parser: Parser) -> None:
    parser.add_argument(
        "--known", metavar="DATASET", help="do not read files that are as this older dataset says, by size and times"
    )
    parser.add_argument(
        "--no-resume", dest="resume", action="store_false", default=None, help="make anew what an earlier run has made"
    )
    add_shards(parser)


def add_blocks(parser: Parser) -> None:
    parser.add_argument("-b", "--block-size", dest="block_len", metavar="SIZE", type=size, help="bytes per block")
    parser.add_argument(
        "--min-size", metavar="SIZE", type=size, help="no signature for files of less than SIZE bytes: they go whole"
    )


def add_compress(parser: Parser) -> None:
    parser.add_argument(
        "-z", "--compress", metavar="LEVEL", type=level, help="compress deltas, by LEVEL, which follows directly: -z9"
    )


def add_renames(parser: Parser) -> None:
    parser.add_argument(
        "--no-renames", dest="renames", action="store_false", default=None, help="do not look for renamed files"
    )


def add_replacing(parser: Parser) -> None:
    parser.add_argument("--backup", metavar="DIRECTORY", help="keep what is replaced or removed, in DIRECTORY")
    add_dry_run(parser)


def add_signature(parser: Parser) -> None:
    parser.add_argument("root", metavar="ROOT", help="the directory or prefix with the old files")
    parser.add_argument("dest", metavar="DATASET", help="the dataset to make")
    add_blocks(parser)
    parser.add_argument(
        "-S", "--sum-size", dest="strong_len", metavar="SIZE", type=sum_size, help="bytes of each strong sum"
    )
    add_cut(parser)
    add_engine(parser)
    add_storage_options(parser, storage="ROOT", dest="DATASET")


def add_delta(parser: Parser) -> None:
    parser.add_argument("signature", metavar="SIGNATURE", help="the dataset that signature made")
    parser.add_argument("root", metavar="ROOT", help="the directory or prefix with the new files")
    parser.add_argument("dest", metavar="DATASET", help="the dataset to make")
    add_compress(parser)
    add_renames(parser)
    add_cut(parser)
    add_engine(parser)
    add_storage_options(parser, storage="ROOT", dest="DATASET", signature="SIGNATURE")


def add_patch(parser: Parser) -> None:
    parser.add_argument("delta", metavar="DELTA", help="the dataset that delta made")
    parser.add_argument("root", metavar="ROOT", help="the directory with the old files, which becomes the new version")
    add_replacing(parser)
    parser.add_argument(
        "--no-delete", dest="delete", action="store_false", default=None, help="keep files that the new version has not"
    )
    add_switch(parser, "--partial", help="if some files cannot be made, make the others; default: none")
    parser.add_argument(
        "--max-output", metavar="SIZE", type=size, help="fail if the new files have more than SIZE bytes together"
    )
    add_engine(parser)
    add_storage_options(parser, storage="ROOT", delta="DELTA")


def add_verify(parser: Parser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="what ROOT is compared with")
    parser.add_argument("root", metavar="ROOT", help="the directory or prefix")
    add_switch(parser, "--quick", help="by sizes and times alone: open no file")
    add_switch(parser, "--extra", help="tell paths that are only in ROOT, too")
    add_engine(parser)
    add_storage_options(parser, storage="ROOT", dataset="DATASET")


def add_diff(parser: Parser) -> None:
    parser.add_argument("old", metavar="OLD", help="a dataset")
    parser.add_argument("new", metavar="NEW", help="another one")
    add_renames(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with status 5, not 0, if they are equal")
    add_storage_options(parser, old="OLD", new="NEW")


def add_sync(parser: Parser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a directory or prefix")
    parser.add_argument("dest", metavar="DEST", help="another one, which becomes the same")
    add_switch(parser, "--delete", help="remove what is only in DEST")
    add_replacing(parser)
    parser.add_argument(
        "--state", metavar="DIRECTORY", help="remember in DIRECTORY what need not be read the next time"
    )
    parser.add_argument(
        "--all-or-nothing", dest="partial", action="store_false", default=None,
        help="if some files cannot be made, change none",
    )  # fmt: skip
    add_blocks(parser)
    add_compress(parser)
    add_shards(parser)
    add_engine(parser)
    add_storage_options(parser, storage="SOURCE", dest="DEST", state="the state")


VERBS: dict[str, tuple[Callable[[Run], int], Callable[[Parser], None], str]] = {
    "signature": (do_signature, add_signature, "old side: describe the old files"),
    "delta": (do_delta, add_delta, "new side: what is new in the new files"),
    "patch": (do_patch, add_patch, "old side: make the new files of the old ones, in place"),
    "verify": (do_verify, add_verify, "compare files with a dataset"),
    "diff": (do_diff, add_diff, "compare two datasets"),
    "sync": (do_sync, add_sync, "make a directory the same as another one"),
}


MADE = "what is complete is kept: run it again to go on"
CHANGED = "files may be old or new, each as a whole: run it again to go on"
NOTHING = "nothing was changed"

LEFT = {"signature": MADE, "delta": MADE, "patch": CHANGED, "sync": CHANGED, "verify": NOTHING, "diff": NOTHING}
"""What a signal leaves."""


def parser_of(verb: str) -> Parser:
    work, add, summary = VERBS[verb]
    parser = Parser(f"{PROG} {verb}", description=f"{summary[0].upper()}{summary[1:]}.")
    add(parser)
    parser.set_defaults(work=work)
    add_common(parser)
    return parser


def overview() -> Parser:
    verbs = "".join(f"  {name:<12}{summary}\n" for name, (_, _, summary) in VERBS.items())
    return Parser(
        PROG, usage=f"{PROG} VERB [OPTION]... ARGUMENT...", description=f"{DESCRIPTION}\n{verbs}", epilog=EPILOG
    )


def main() -> int:
    words = split(sys.argv[1:])
    first = overview()
    if not words or words[0] not in VERBS:
        if words and not words[0].startswith("-"):
            first.error(f"unknown verb '{words[0]}': choose {', '.join(VERBS)}")
        if words and words[0] in ("-h", "--help", "-V", "--version"):
            first.parse_args(words[:1])
        first.error(f"the verb is missing: choose {', '.join(VERBS)}")
    arguments = parser_of(words[0]).parse_args(words[1:])
    return run_verb(f"dataset {words[0]}", arguments, arguments.work, LEFT[words[0]])
