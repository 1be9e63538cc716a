"""Every way to replace a file: the verbs, each with the file that it finds and the one that it leaves."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.places import ROOT, Places, User
from helpers.samples import noise
from helpers.tool import Argument, Result

BASIS = noise(60_000, 1)
NEW = BASIS[:20_000] + noise(900, 2) + BASIS[20_000:]
OLD = b"old\n" * 1000
OUR_FAILURES = (1, 3, 4, *range(100, 110))
"""Of the command and of rdiff: a failure that is reported, other than a bad command line."""

WRITE_PATCH = "import redelta, sys; redelta.write_patch(*sys.argv[1:])"

"""What the tree is to do, and does not: `pytest --runxfail` judges it."""


@dataclass(frozen=True)
class Verb:
    """A command line that replaces the file `out`; `{}` in its words is that file, `@NAME` an input."""

    name: str
    words: tuple[str, ...]
    old: str
    makes: str

    def __str__(self) -> str:
        return self.name

    @property
    def on_basis(self) -> bool:
        """Is the file that is replaced the basis of what is made?"""
        return self.old == "basis"


PATCH_ITSELF = Verb("patch-itself", ("redelta", "patch", "-T1", "-f", "{}", "@delta", "{}"), "basis", "new")
PATCH = Verb("patch", ("redelta", "patch", "-T1", "-f", "@basis", "@delta", "{}"), "old", "new")
SYNC = Verb("sync", ("redelta", "sync", "-T1", "@new", "{}"), "basis", "new")
SIGNATURE = Verb("signature", ("redelta", "signature", "-T1", "-f", "@basis", "{}"), "old", "signature")
DELTA = Verb("delta", ("redelta", "delta", "-T1", "-f", "@signature", "@new", "{}"), "old", "delta")
RDIFF = Verb("rdiff", ("rdiff", "-f", "patch", "@basis", "@delta", "{}"), "old", "new")
RDIFF_ITSELF = Verb("rdiff-itself", ("rdiff", "-f", "patch", "{}", "@delta", "{}"), "basis", "new")
PYTHON = Verb("python", ("python", "-c", WRITE_PATCH, "@basis", "@delta", "{}"), "old", "new")
PYTHON_ITSELF = Verb("python-itself", ("python", "-c", WRITE_PATCH, "{}", "@delta", "{}"), "basis", "new")

COMMANDS = (PATCH_ITSELF, PATCH, SYNC, SIGNATURE, DELTA, RDIFF, RDIFF_ITSELF)
FROM_ANOTHER = (PATCH, SIGNATURE, DELTA, RDIFF)
ON_BASIS = (PATCH_ITSELF, SYNC, RDIFF_ITSELF)


def each(verbs: tuple[Verb, ...]) -> pytest.MarkDecorator:
    """The test runs with each of the verbs."""
    return pytest.mark.parametrize("verb", verbs, ids=str)


class Kit:
    """The programs and the inputs of all verbs, where every user can read them."""

    def __init__(self, places: Places, programs: dict[str, Path]) -> None:
        self.places = places
        self.folder = places.new_folder("inputs")
        self.programs = programs
        redelta = programs["redelta"]
        self.files = {"basis": BASIS, "new": NEW, "old": OLD}
        for name, data in self.files.items():
            (self.folder / name).write_bytes(data)
        self._make("signature", redelta, "signature", "-T1", "basis")
        self._make("delta", redelta, "delta", "-T1", "signature", "new")

    def _make(self, name: str, *words: Argument) -> None:
        self.files[name] = subprocess.run(words, cwd=self.folder, check=True, capture_output=True).stdout
        (self.folder / name).write_bytes(self.files[name])

    def prepare(self, verb: Verb, out: Path, mode: int = 0o644) -> Path:
        """Writes the file that is replaced, and returns it."""
        out.write_bytes(self.files[verb.old])
        out.chmod(mode)
        return out

    def words(self, verb: Verb, out: Path) -> list[Argument]:
        """The command line."""
        program, *others = verb.words
        inputs = {"@" + name: self.folder / name for name in self.files}
        return [self.programs[program], *(out if word == "{}" else inputs.get(word, word) for word in others)]

    def run(self, verb: Verb, out: Path, user: User = ROOT, variables: Mapping[str, str] | None = None) -> Result:
        """Replaces the file."""
        return user.run(*self.words(verb, out), **(variables or {}))

    def assert_new(self, verb: Verb, out: Path) -> None:
        """The file is the one that the verb makes."""
        assert content(out) == self.files[verb.makes], "not the new file"

    def assert_old(self, verb: Verb, out: Path) -> None:
        """The file is the one that the verb found."""
        assert content(out) == self.files[verb.old], "not the old file"


def content(path: Path) -> bytes:
    """By root, whatever the mode says."""
    return path.read_bytes()


def is_plain(result: Result) -> bool:
    """Done, without a word."""
    return result.status == 0 and result.err == b""


def warned(result: Result) -> bool:
    """Done, with a warning."""
    return result.status == 0 and b"warning" in result.err.lower()


def failed(result: Result) -> bool:
    """Reported as a failure."""
    return result.status in OUR_FAILURES and result.err != b""


Check = Callable[[Result], bool]


def assert_that(check: Check, result: Result) -> None:
    """The outcome is of that kind."""
    assert check(result), f"{check.__name__}: {result.describe()}"
