"""The manuals: well-formed, and consistent with the help. Each verb's manual has exactly the verb's options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from helpers.manuals import FOLDER, has_letter, letters_of_help, options_of_help, options_of_manual, page
from helpers.tool import Tool

ROOT = Path(__file__).parents[2]
MANUALS = sorted(FOLDER.iterdir())


def verbs(redelta: Tool) -> list[str]:
    return re.findall(r"^  ([a-z]+) \[?[A-Z]", help_of(redelta), flags=re.MULTILINE)


def help_of(redelta: Tool, *verb: str) -> str:
    return redelta.run(*verb, "--help").done().decode()


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_groff_and_mandoc_have_nothing_to_say(manual: Path) -> None:
    for command in (["groff", "-mdoc", "-Tutf8", "-ww", "-wall"], ["mandoc", "-T", "lint", "-W", "warning"]):
        done = subprocess.run([*command, manual], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert command[0] == "groff" or done.stdout == ""


def test_every_verb_has_a_manual_that_the_overview_names(redelta: Tool) -> None:
    overview = page("redelta.1")
    for verb in verbs(redelta):
        assert f".It Cm {verb}\n" in overview
        assert f".Xr redelta-{verb} 1" in overview
        assert f".Cm {verb}\n" in page(f"redelta-{verb}.1")
    assert len(verbs(redelta)) >= 4


def test_the_overview_has_the_options_of_the_overall_help(redelta: Tool) -> None:
    assert options_of_manual(page("redelta.1")) == options_of_help(help_of(redelta))


def test_each_manual_of_a_verb_has_the_options_of_its_help(redelta: Tool) -> None:
    for verb in verbs(redelta):
        told = options_of_help(help_of(redelta, verb)) | {"help", "version"}
        assert options_of_manual(page(f"redelta-{verb}.1")) == told, verb


def test_each_letter_stands_with_its_long_option(redelta: Tool) -> None:
    for verb in verbs(redelta):
        letters = letters_of_help(help_of(redelta, verb))
        assert len(letters) > 2
        for letter, name in letters:
            assert has_letter(page(f"redelta-{verb}.1"), letter, name), f"{verb}: -{letter}, --{name}"


def test_every_function_of_the_header_is_in_the_manual_of_the_library() -> None:
    script = (ROOT / "src/libredelta.map").read_text()
    functions = re.findall(r"^\s*(rd_\w+);", script, flags=re.MULTILINE)
    assert sorted(set(re.findall(r"^\.Fn (rd_\w+)", page("libredelta.3"), flags=re.MULTILINE))) == sorted(functions)


def test_the_manual_of_formats_has_what_the_page_has() -> None:
    """Every section, each magic number, and all names of the files, fields, columns and ops of datasets."""
    text = (ROOT / "docs/formats.md").read_text()
    manual = page("redelta-formats.5")
    titles = {title.lower().rstrip("s") for title in re.findall(r"^\.Ss (.*)$", manual, flags=re.MULTILINE)}
    sections = re.findall(r"^##(?:# A)? (.*)$", text, flags=re.MULTILINE)
    assert {title.lower().rstrip("s") for title in sections} == titles
    magic = re.compile(r"0x7273[0-9a-f]{4}|0x184d2a5e")
    assert set(magic.findall(manual)) == set(magic.findall(text))
    datasets = text.split("\n## Datasets\n", 1)[1].split("\n### A patch under way\n", 1)[0]
    first = "\n".join(re.findall(r"^\| (`.*?) \|", datasets, flags=re.MULTILINE))
    names = set(re.findall(r"`([a-z_]+)`", first))
    assert len(names) > 40
    assert names <= set(re.findall(r"[a-z_]+", " ".join(re.findall(r"^\.Li (.*)$", manual, flags=re.MULTILINE))))


def test_what_the_manuals_refer_to_is_there() -> None:
    ours = {path.name for path in MANUALS}
    for manual in MANUALS:
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", manual.read_text(), flags=re.MULTILINE):
            assert f"{name}.{section}" in ours or name in ("rsync", "b3sum"), manual.name


def test_the_help_of_a_verb_has_the_options_that_it_takes(redelta: Tool) -> None:
    """Options that are refused as those of other verbs are not in the help, and all others are."""
    helps = {verb: help_of(redelta, verb) for verb in verbs(redelta)}
    every = {name for verb in helps for name in options_of_help(helps[verb])}
    valued = {name for text in helps.values() for name in re.findall(r"--([a-z-]+) [A-Z]", text)}
    for verb in helps:
        taken = set()
        for name in every:
            words = [f"--{name}", *(["1"] if name in valued else []), *"abcdef", ""]  # an empty name is always refused
            refused = redelta.run(verb, *words)
            assert refused.status == 2, refused.describe()
            if b"' is for " not in refused.err:
                taken.add(name)
        assert taken == options_of_help(helps[verb]), verb


def test_each_manual_says_that_a_limit_of_memory_bounds_decompression_and_how_sizes_are_written(
    redelta: Tool,
) -> None:
    for verb in verbs(redelta):
        text = page(f"redelta-{verb}.1")
        options = options_of_manual(text)
        if "max-memory" in options:
            limit = text.split(".It Fl -max-memory", 1)[1].split(".It ", 1)[0].split(".El", 1)[0]
            assert re.search(r"\b(window|decompression)\b", limit), verb
            assert "128 MiB" in limit, verb
        if options & {"max-memory", "block-size", "max-output"}:
            assert "suffix" in text, verb
