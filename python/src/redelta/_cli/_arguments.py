"""The command line, as the verbs in C take it: a message in one line, and options anywhere.

`--json` and `-z` may have a value, which follows directly; otherwise the next word is not theirs. argparse has no such
options, so they get a value before it sees them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import redelta
from redelta._cli._records import STATUS_USAGE, Records
from redelta._params import OUTPUT_MAX

STANDARD = "-"
"""The file of records that is standard output."""

UNITS = "KMGT"
SIZE = re.compile(r"(\d+)(?:([KMGT])(iB|B)?)?")


class Parser(argparse.ArgumentParser):
    """A parser of the words behind a verb, which is `prog` without the first word."""

    def __init__(self, prog: str, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog=prog, add_help=False, **options)
        self.verb = prog.partition(" ")[2]
        self.add_argument("-h", "--help", action="help", help="show this help")
        self.add_argument(
            "-V", "--version", action="version", version=f"redelta {redelta.__version__}", help="show the version"
        )

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, also in a record if those go to standard output, and ends."""
        advice = f"try '{self.prog} --help'"
        print(f"redelta: {self.verb}: {message}; {advice}", file=sys.stderr)
        if STANDARD in [word.removeprefix("--json=") for word in split(sys.argv[1:]) if word.startswith("--json=")]:
            Records(self.verb, STANDARD).error(STATUS_USAGE, "RD_E_PARAMETER", message, advice=advice)
        raise SystemExit(STATUS_USAGE)


def split(words: Sequence[str]) -> list[str]:
    """The words, with a value for each option that may lack one, and each `-zLEVEL` as two."""
    made: list[str] = []
    for at, word in enumerate(words):
        if word == "--":
            return [*made, *words[at:]]
        if word == "--json":
            word = f"--json={STANDARD}"
        elif word in ("-z", "--compress"):
            word = "--compress="
        elif re.fullmatch(r"-z\d+", word):
            word = f"--compress={word[2:]}"
        made.append(word)
    return made


def size(text: str) -> int:
    """A number of bytes: K and KiB are 1024, KB is 1000."""
    found = SIZE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"size '{text}' is not a whole number, with or without K, M, G or T")
    power = UNITS.index(found[2]) + 1 if found[2] else 0
    number: int = int(found[1]) * (1000 if found[3] == "B" else 1024) ** power
    if number > OUTPUT_MAX:
        raise argparse.ArgumentTypeError(f"size '{text}' is too large")
    return number


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 on")
    return int(text)


def sum_size(text: str) -> int:
    """Bytes of a strong sum."""
    if not re.fullmatch(r"\d{1,2}", text) or not 1 <= int(text) <= 32:
        raise argparse.ArgumentTypeError(f"sum size '{text}' is not a whole number from 1 to 32")
    return int(text)


def level(text: str) -> int | bool:
    """Of zstd: `-z` alone is a fast one."""
    if text == "":
        return True
    if not re.fullmatch(r"\d{1,2}", text) or not 1 <= int(text) <= 22:
        raise argparse.ArgumentTypeError(f"level '{text}' is not a whole number from 1 to 22")
    return int(text)


def storage_option(text: str) -> tuple[list[str], Any]:
    """KEY=VALUE: the key is a path of names, and the value is one of JSON, or else text."""
    key, equals, value = text.partition("=")
    if not key or not equals or "" in key.split("."):
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE")
    try:
        return key.split("."), json.loads(value)
    except ValueError:
        return key.split("."), value


class Options(argparse.Action):
    """Gathers storage options in a dict: `a.b=1` is `{"a": {"b": 1}}`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        keys, value = values
        gathered = getattr(namespace, self.dest) or {}
        inner = gathered
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                parser.error(f"option '{option_string}': '{key}' has a value of its own")
        inner[keys[-1]] = value
        setattr(namespace, self.dest, gathered)


def add_storage_options(parser: Parser, **of: str) -> None:
    """An option `--NAME-option` for each, which becomes `NAME_options`, with what it is for."""
    for name, what in of.items():
        parser.add_argument(
            f"--{name}-option",
            dest=f"{name}_options",
            metavar="KEY=VALUE",
            type=storage_option,
            action=Options,
            help=f"an option for the store of {what}, as fsspec takes it; may be repeated, and A.B=1 is inside A",
        )


def add_switch(parser: Parser, *words: str, **options: Any) -> None:
    """A switch, which is None if it is not given: the function's own default counts then."""
    parser.add_argument(*words, action="store_true", default=None, **options)


def add_dry_run(parser: Parser) -> None:
    add_switch(parser, "-n", "--dry-run", help="change nothing, only show what would be done")


def add_common(parser: Parser) -> None:
    """What all verbs take."""
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors to standard error")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what is being done to standard error")
    parser.add_argument("-s", "--stats", action="store_true", help="print statistics to standard error")
    showing = parser.add_mutually_exclusive_group()
    showing.add_argument("--progress", action="store_true", default=None, help="always show progress")
    showing.add_argument("--no-progress", dest="progress", action="store_false", help="never show progress")
    parser.add_argument("--json", metavar="FILE", help="write machine-readable output (JSON Lines) to FILE")


def add_engine(parser: Parser) -> None:
    """Where the work is done."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", metavar="N", type=count, help="N processes; default: one per processor")
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="the workers of the dask scheduler at ADDRESS, as tcp://host:8786"
    )


def given(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Those that were given: what was not is left to the function's own default."""
    found = {name: getattr(arguments, name, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}
