"""Verbs that are programs of their own: `redelta VERB` runs `redelta-VERB`, and nothing else.

The programs are scripts in directories that the tests make. The command is a copy of it where a program beside it is
wanted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from helpers.tool import HANG_SECONDS, Tool, plain_environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs are scripts")

TELL = '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n'


def script(place: Path, verb: str, text: str = TELL) -> Path:
    place.mkdir(exist_ok=True)
    path = place / f"redelta-{verb}"
    path.write_text(text)
    path.chmod(0o755)
    return path


def run(
    redelta: Tool, *words: str, path: str | None = None, cwd: Path | None = None, command: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = plain_environment()
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [command or redelta.path, *words], cwd=cwd, env=environment, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=HANG_SECONDS,
    )  # fmt: skip


def usual(place: Path) -> str:
    """A PATH with the place at its end, so that what `sh` needs is found."""
    return f"{os.environ['PATH']}:{place}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def test_a_program_in_the_path_gets_all_words_that_follow(redelta: Tool, place: Path) -> None:
    program = script(place, "foo")
    done = run(redelta, "foo", "a b", "--json", "", "-x", "--", "-q", "help", path=usual(place))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(program), "a b", "--json", "", "-x", "--", "-q", "help"]


@pytest.mark.parametrize("words", [("help", "foo-2"), ("--help", "foo-2"), ("-h", "foo-2", "more")])
def test_its_help_is_asked_for(redelta: Tool, place: Path, words: tuple[str, ...]) -> None:
    program = script(place, "foo-2")
    assert run(redelta, *words, path=usual(place)).stdout.splitlines() == [str(program), "--help"]


@pytest.mark.parametrize("status", [0, 1, 7, 42, 255])
def test_the_exit_status_is_the_programs(redelta: Tool, place: Path, status: int) -> None:
    script(place, "foo", f"#!/bin/sh\nexit {status}\n")
    assert run(redelta, "foo", path=usual(place)).returncode == status


def test_it_takes_the_place_of_the_command(redelta: Tool, place: Path) -> None:
    """So a signal reaches it, and how it dies is seen."""
    script(place, "foo", "#!/bin/sh\nkill -TERM $$\n")
    assert run(redelta, "foo", path=usual(place)).returncode == -signal.SIGTERM


def test_signals_are_as_the_program_would_have_had_them(redelta: Tool, place: Path) -> None:
    """A closed pipe ends it: the command has not made it ignore that."""
    script(place, "foo", "#!/bin/sh\nwhile echo line; do :; done\n")
    words: list[str | Path] = [redelta.path, "foo"]
    environment = plain_environment() | {"PATH": usual(place)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, restore_signals=True) as process:
        assert process.stdout
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.wait(HANG_SECONDS) == -signal.SIGPIPE


def test_the_first_in_the_path_is_run_and_one_beside_the_command_before_all(redelta: Tool, tmp_path: Path) -> None:
    if redelta.path.read_bytes()[:2] == b"#!":
        pytest.skip("the command is run by another program")
    first, second = script(tmp_path / "first", "foo"), script(tmp_path / "second", "foo")
    path = f"{os.environ['PATH']}:{first.parent}:{second.parent}"
    assert run(redelta, "foo", path=path).stdout == f"{first}\n"
    own = Path(shutil.copy(redelta.path, tmp_path / "second" / "redelta"))
    link = tmp_path / "link"
    link.symlink_to(own)
    for command in (own, link):
        assert run(redelta, "foo", path=path, command=command).stdout == f"{second}\n"
    first.chmod(0o644)
    assert run(redelta, "foo", path=path).stdout == f"{second}\n"


@pytest.mark.parametrize("path", ["", ":", ".", "bin", "./bin", "{path}::", ":{path}", "{path}:.:bin:../here"])
def test_nothing_in_the_current_directory_is_run(redelta: Tool, tmp_path: Path, path: str) -> None:
    here = tmp_path / "here"
    script(here, "foo")
    script(here / "bin", "foo")
    done = run(redelta, "foo", path=path.format(path=os.environ["PATH"]), cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("redelta: unknown verb 'foo'")
    assert run(redelta, "foo", path=usual(here), cwd=here).returncode == 0  # unless the PATH names it


@pytest.mark.parametrize(
    "word",
    [
        "../foo",
        "./foo",
        "foo/bar",
        ".foo",
        "foo.sh",
        "-foo",
        "2foo",
        "f oo",
        "foo;true",
        "f\N{LATIN SMALL LETTER O WITH DIAERESIS}o",
    ],
)
def test_only_a_plain_word_is_a_verb(redelta: Tool, tmp_path: Path, word: str) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    target = bin / f"redelta-{word}"
    target.parent.mkdir(parents=True, exist_ok=True)
    script(tmp_path, "foo")
    if "/" not in word:
        script(bin, word)
    done = run(redelta, word, path=usual(bin))
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("verb", ["signature", "s", "sig", "d", "p", "verify", "help", "e"])
def test_a_built_in_verb_wins(redelta: Tool, place: Path, verb: str) -> None:
    script(place, verb)
    done = run(redelta, verb, "--help", path=usual(place))
    assert done.stdout.startswith("Usage: redelta ")


def test_directories_and_files_that_cannot_be_run_are_passed_over(redelta: Tool, tmp_path: Path) -> None:
    (tmp_path / "one" / "redelta-foo").mkdir(parents=True)
    program = script(tmp_path / "two", "foo")
    assert run(redelta, "foo", path=f"{tmp_path / 'one'}:{usual(program.parent)}").stdout == f"{program}\n"


def test_a_program_that_cannot_be_started_is_told(redelta: Tool, place: Path) -> None:
    program = script(place, "foo", "#!/missing/interpreter\n")
    done = run(redelta, "foo", path=usual(place))
    assert done.returncode == 1
    assert done.stderr.startswith(f"redelta: foo: {program}: cannot be started: No such file or directory")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", ["dataset", "push", "pull"])
def test_the_verbs_of_the_python_package_are_known(redelta: Tool, place: Path, verb: str) -> None:
    for words in ([verb, "x"], ["help", verb], ["-q", verb, "x"]):
        done = run(redelta, *words, path="/nonexistent")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"redelta: the verb '{verb}' is not installed: pip install 'redelta[")
    assert f"(did you mean {verb}?)" in run(redelta, verb[:-1] + "x" + verb[-1:], path="/nonexistent").stderr
    assert verb in run(redelta, "--help").stdout
    script(place, verb)
    assert run(redelta, verb, "x", path=usual(place)).returncode == 0
    assert f"the verb '{verb}' must come first" in run(redelta, "-q", verb, "x", path=usual(place)).stderr
