"""Completion in bash, zsh and fish: each shell is started with its file and asked for completions, as by Tab.

The expected completions are taken from the help, independently of the script that made the files.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.tool import HANG_SECONDS, Tool

ROOT = Path(__file__).parents[2]
FILES = ROOT / "completions"
SHELLS = ("bash", "zsh", "fish")

Asker = Callable[[str], list[str]]


def verbs(redelta: Tool) -> list[str]:
    text = redelta.run("--help").done().decode()
    return re.findall(r"^  ([a-z]+) \[?[A-Z]", text, flags=re.MULTILINE)


def long_options(redelta: Tool, *verb: str) -> set[str]:
    """The long options of a help text: those in the columns for options, not those in examples and sentences."""
    lines = redelta.run(*verb, "--help").done().decode().splitlines()
    return {word for line in lines if re.match(r" +-", line) for word in re.findall(r"(?<!\S)--[a-z-]+", line)}


def keys(command: list[str], lines: list[str], directory: Path, environment: dict[str, str]) -> None:
    """Types lines into a shell that has a terminal, and waits until it ends."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(directory)
        os.execvpe(command[0], command, {**os.environ, **environment})
    for line in lines:
        os.write(terminal, line.encode())
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass  # the other end is closed
    os.close(terminal)
    os.waitpid(process, 0)


def ask_bash(line: str, directory: Path) -> list[str]:
    """Inserts all completions into the line (M-*), and has it written to a file as the words of a command."""
    settings = f"unset HISTFILE; bind 'set bell-style none' 'set enable-bracketed-paste off'; . {FILES}/redelta.bash\n"
    keys(
        ["bash", "--norc", "--noprofile", "-i"],
        [settings, f"{line}\x1b*\x01said \n", "exit\n"],
        directory,
        {"PATH": f"{script(directory)}:{os.environ['PATH']}"},
    )
    return said(directory)[len(line.split()) - (0 if line.endswith(" ") else 1) :]


def ask_zsh(line: str, directory: Path) -> list[str]:
    """Inserts all completions into the line, and has it written to a file as the words of a command."""
    settings = (
        f"unset HISTFILE; unsetopt beep; fpath=({FILES} $fpath); autoload -U compinit; compinit -u -D\n"
        "zle -C every complete-word _generic; bindkey '^Xa' every\n"
        "zstyle ':completion:every::::' completer _all_matches _complete; zstyle ':completion:every:*' insert true\n"
    )
    keys(
        ["zsh", "-f", "-i"],
        [settings, f"{line}\x18a\x01said \n", "exit\n"],
        directory,
        {"PATH": f"{script(directory)}:{os.environ['PATH']}"},
    )
    return said(directory)[len(line.split()) - (0 if line.endswith(" ") else 1) :]


def ask_fish(line: str, directory: Path) -> list[str]:
    command = f"source {FILES}/redelta.fish; complete -C '{line}'"
    environment = {**os.environ, "HOME": str(directory), "XDG_CONFIG_HOME": str(directory)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", command], cwd=directory, env=environment, capture_output=True, text=True,
        check=True, timeout=HANG_SECONDS,
    )  # fmt: skip
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def script(directory: Path) -> Path:
    """A directory with the command `said`, which writes its words to the file `words`, one per line."""
    place = directory / ".bin"
    place.mkdir(exist_ok=True)
    (place / "said").write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {directory}/.words\n")
    (place / "said").chmod(0o755)
    return place


def said(directory: Path) -> list[str]:
    return (directory / ".words").read_text().splitlines()


@pytest.fixture(params=SHELLS)
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Asker:
    """Returns what the shell offers for the last word of a line."""
    shell: str = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for name in ("database", "delta.file"):
        (tmp_path / name).touch()
    how = {"bash": ask_bash, "zsh": ask_zsh, "fish": ask_fish}[shell]
    return lambda line: how(line, tmp_path)


def test_the_files_are_those_that_the_help_makes(redelta: Tool, tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts/completions.py", redelta.path, tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in FILES.iterdir()}, "run scripts/completions.py"


def test_verbs_are_offered_first(redelta: Tool, ask: Asker) -> None:
    assert set(verbs(redelta)) <= set(ask("redelta "))
    assert set(ask("redelta si")) == {"signature"}


def test_after_a_verb_its_options_are_offered(redelta: Tool, ask: Asker) -> None:
    for verb in verbs(redelta):
        offered = {word.rstrip("=") for word in ask(f"redelta {verb} --")}
        assert offered == long_options(redelta, verb) | {"--help", "--version"}, verb


def test_the_words_that_an_option_may_have_are_offered(ask: Asker) -> None:
    assert set(ask("redelta signature -H ")) == {"blake2", "md4"}
    assert set(ask("redelta signature --rollsum ")) == {"rabinkarp", "rollsum"}
    (word,) = ask("redelta signature --hash=b")
    assert word in ("blake2", "--hash=blake2")


def test_files_are_offered_for_files(ask: Asker) -> None:
    assert ask("redelta delta da") == ["database"]
    assert ask("redelta patch -f -T 2 database d") == ["database", "delta.file"]


def test_an_option_before_the_verb_does_not_hide_it(ask: Asker) -> None:
    assert "--max-memory" in {word.rstrip("=") for word in ask("redelta -q delta --max-")}
