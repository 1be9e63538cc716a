"""The manuals: well-formed, and consistent with the help. Each verb's manual has exactly the verb's options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from helpers.tool import Tool

ROOT = Path(__file__).parents[2]
MANUALS = sorted((ROOT / "docs/man").iterdir())
OPTION = re.compile(r"\bFl \\?-([a-z][a-z-]*)")


def page(name: str) -> str:
    return (ROOT / "docs/man" / name).read_text()


def verbs(redelta: Tool) -> list[str]:
    return re.findall(r"^  ([a-z]+) \[?[A-Z]", redelta.run("--help").done().decode(), flags=re.MULTILINE)


def options_of_help(redelta: Tool, *verb: str) -> set[str]:
    """The long options in the columns of options."""
    lines = redelta.run(*verb, "--help").done().decode().splitlines()
    return {word for line in lines if re.match(r" +-", line) for word in re.findall(r"(?<!\S)--([a-z-]+)", line)}


def options_of_manual(text: str) -> set[str]:
    """The long options of its section OPTIONS."""
    (section,) = re.findall(r"^\.Sh OPTIONS\n(.*?)^\.Sh ", text, flags=re.MULTILINE | re.DOTALL)
    return set(OPTION.findall(section))


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
    assert options_of_manual(page("redelta.1")) == options_of_help(redelta)


def test_each_manual_of_a_verb_has_the_options_of_its_help(redelta: Tool) -> None:
    for verb in verbs(redelta):
        told = options_of_help(redelta, verb) | {"help", "version"}
        assert options_of_manual(page(f"redelta-{verb}.1")) == told, verb


def test_each_letter_stands_with_its_long_option(redelta: Tool) -> None:
    for verb in verbs(redelta):
        text = redelta.run(verb, "--help").done().decode()
        manual = page(f"redelta-{verb}.1")
        for letter, name in re.findall(r"(?<!\S)-(\w)(?:\[\w+\])?, --([a-z-]+)", text):
            assert re.search(rf"Fl {letter}\b.*, Fl -{name}\b", manual), f"{verb}: -{letter}, --{name}"


def test_every_function_of_the_header_is_in_the_manual_of_the_library() -> None:
    script = (ROOT / "src/libredelta.map").read_text()
    functions = re.findall(r"^\s*(rd_\w+);", script, flags=re.MULTILINE)
    assert sorted(set(re.findall(r"^\.Fn (rd_\w+)", page("libredelta.3"), flags=re.MULTILINE))) == sorted(functions)


def test_what_the_manuals_refer_to_is_there() -> None:
    ours = {path.name for path in MANUALS}
    for manual in MANUALS:
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", manual.read_text(), flags=re.MULTILINE):
            assert f"{name}.{section}" in ours or name in ("rsync", "b3sum"), manual.name


def test_the_help_of_a_verb_has_the_options_that_it_takes(redelta: Tool) -> None:
    """Options that are refused as those of other verbs are not in the help, and all others are."""
    helps = {verb: redelta.run(verb, "--help").done().decode() for verb in verbs(redelta)}
    every = {name for verb in helps for name in options_of_help(redelta, verb)}
    valued = {name for text in helps.values() for name in re.findall(r"--([a-z-]+) [A-Z]", text)}
    for verb in helps:
        taken = set()
        for name in every:
            words = [f"--{name}", *(["1"] if name in valued else []), *"abcdef", ""]  # an empty name is always refused
            refused = redelta.run(verb, *words)
            assert refused.status == 2, refused.describe()
            if b"' is for " not in refused.err:
                taken.add(name)
        assert taken == options_of_help(redelta, verb), verb


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
