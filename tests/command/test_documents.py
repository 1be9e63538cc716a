"""The output that the documents show is what the command prints.

The commands in the fenced blocks of `console` of the pages in RUN are run, one after the other, in an empty directory
(that of docs/errors.md has the files it mentions). Their output must be what the block shows. No other page and no
other block has messages, so each is that of a command that somebody might type. Blocks of docs/errors.md that say
PACKAGE are of verbs of the Python package, which tests/python/test_cli_errors_page.py runs.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import HANG_SECONDS, Tool, plain_environment, skip_what_is_left_out

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = [ROOT / "docs" / name for name in ("errors.md", "getting-started.md", "backup-chains.md")]
PACKAGE = 'console title="with the Python package"'
FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
MESSAGE = re.compile(r"^redelta: ", re.MULTILINE)


def steps(page: Path) -> list[tuple[str, str]]:
    """The commands of the blocks of a page, each with the output shown."""
    found: list[list[str]] = []
    for match in FENCE.finditer(page.read_text()):
        if match["kind"] != "console":
            continue
        for line in match["body"].splitlines(keepends=True):
            if line.startswith("$ "):
                found.append([line[2:], ""])
            else:
                found[-1][1] += line
    return [(command, shown) for command, shown in found]


def furnish(redelta: Tool, directory: Path) -> None:
    """The files that docs/errors.md mentions."""
    old = "".join(f"line {number}\n" for number in range(20_000)).encode()
    new = old[:40_000] + b"something new\n" + old[40_000:100_000] + old[105_000:]
    for name, data in {"old": old, "new": new, "other": old[::-1]}.items():
        (directory / name).write_bytes(data)
    (directory / "old.sig").write_bytes(redelta.run("signature", directory / "old").done())
    (directory / "new.delta").write_bytes(redelta.run("delta", directory / "old.sig", directory / "new").done())


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_commands_of_a_page_say_what_it_shows(redelta: Tool, tmp_path: Path, page: Path) -> None:
    if page.name == "errors.md":
        furnish(redelta, tmp_path)
    environment = plain_environment()
    environment["PATH"] = f"{redelta.path.parent}{os.pathsep}{environment['PATH']}"
    for command, shown in steps(page):
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=HANG_SECONDS,
        )  # fmt: skip
        skip_what_is_left_out(done.stdout.encode())
        assert done.stdout == shown, f"$ {command}"
        assert done.returncode >= 0, f"$ {command}"


def test_every_message_in_the_documents_is_in_such_a_block() -> None:
    for page in PAGES:
        text = page.read_text()
        kinds = ("console", PACKAGE) if page.name == "errors.md" else ("console",)
        if page in RUN:
            shown = [match[0] for match in FENCE.finditer(text) if match["kind"] in kinds]
            for block in shown:
                text = text.replace(block, "")
        assert not MESSAGE.search(text), page.name


@pytest.mark.parametrize("length", [0, 1, 65_536, 65_537, 300_000])
def test_the_digest_of_the_page_of_formats_is_that_of_a_delta(redelta: Tool, tmp_path: Path, length: int) -> None:
    page = (ROOT / "docs/formats.md").read_text()
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Callable[[bytes], bytes]] = {}
    exec(program, names)
    new = tmp_path / "new"
    new.write_bytes(noise(length, 1))
    delta = redelta.run("delta", "-", new, stdin=redelta.run("signature", os.devnull).done()).done()
    assert delta[-32:] == names["digest"](new.read_bytes())
    assert int.from_bytes(delta[-48:-40], "big") == length


def test_the_page_of_errors_has_many() -> None:
    assert len(MESSAGE.findall((ROOT / "docs/errors.md").read_text())) > 20
