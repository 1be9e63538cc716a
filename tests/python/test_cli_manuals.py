"""The manuals of the verbs that come with the package have the options that the programs take.

`tests/command/test_manuals.py` looks at the form of all manuals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.manuals import OPTION, has_letter, letters_of_help, options_of_help, options_of_manual, page, section
from helpers.programs import run_program

PROGRAMS = ["dataset", "push", "pull"]
ROOT = Path(__file__).parents[2]


def helps(program: str) -> dict[str, str]:
    """The help of each of its verbs, or its own."""
    own = run_program(program, "--help", COLUMNS="200").stdout
    verbs = re.findall(r"^  ([a-z]+) {3,}[a-z]", own, flags=re.MULTILINE) if program == "dataset" else []
    assert len(verbs) == (6 if program == "dataset" else 0)
    if not verbs:
        return {program: own}
    return {verb: run_program(program, verb, "--help", COLUMNS="200").stdout for verb in verbs}


def shared(program: str) -> set[str]:
    """The options that redelta(1) explains."""
    return set(OPTION.findall(section(page(f"redelta-{program}.1"), "OPTIONS").rpartition("\n.El\n")[2]))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_manual_has_the_options_of_the_help(program: str) -> None:
    taken = set().union(*(options_of_help(text) for text in helps(program).values()))
    assert options_of_manual(page(f"redelta-{program}.1")) == taken
    assert len(taken) > 10


def test_the_manual_of_dataset_says_which_verb_takes_which_option() -> None:
    description = section(page("redelta-dataset.1"), "DESCRIPTION")
    items = dict(re.findall(r"^\.It Cm ([a-z]+) Ar .*?\n(.*?)(?=^\.It |^\.El)", description, re.MULTILINE | re.DOTALL))
    assert set(items) == set(helps("dataset"))
    for verb, text in helps("dataset").items():
        assert set(OPTION.findall(items[verb])) == options_of_help(text) - shared("dataset"), verb


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_letter_stands_with_its_long_option(program: str) -> None:
    for verb, text in helps(program).items():
        letters = letters_of_help(text)
        assert len(letters) > 2
        for letter, name in letters:
            assert has_letter(page(f"redelta-{program}.1"), letter, name), f"{verb}: -{letter}, --{name}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_redelta_1_explains_is_there_and_refers_back(program: str) -> None:
    overview = page("redelta.1")
    assert shared(program) <= options_of_manual(overview)
    assert len(shared(program)) > 5
    assert f".Xr redelta-{program} 1" in section(overview, "DESCRIPTION")
    assert f".Xr redelta-{program} 1 ,\n" in overview.partition(".Sh SEE ALSO\n")[2]
    assert f"man/redelta-{program}.1" in (ROOT / "docs/command.md").read_text()
    assert f"man/redelta-{program}.1.md" in (ROOT / "mkdocs.yml").read_text()
