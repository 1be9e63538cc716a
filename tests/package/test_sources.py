"""The sources as another project embeds them: compiled as src/README.md says, without CMake and without zstd.

The pages that list folders list exactly those that exist.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from helpers.tool import HANG_SECONDS

ROOT = Path(__file__).parents[2]
CONSUMER = Path(__file__).parent / "consumer" / "consumer.c"


def fenced(page: Path) -> str:
    """The only block of commands of a page."""
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return str(block)


def run(directory: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=directory, env=os.environ, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert (done.returncode, done.stderr) == (0, ""), command
    return done.stdout


def test_the_sources_compile_as_their_page_says_and_work_without_zstd(tmp_path: Path) -> None:
    for name in ("src", "include"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "program.c").write_bytes(CONSUMER.read_bytes())
    run(tmp_path, "sh", "-e", "-c", f'cc() {{ "$REDELTA_CC" "$@"; }}\n{fenced(ROOT / "src/README.md")}')
    assert run(tmp_path, "./program").startswith("redelta ")
    needed = run(tmp_path, os.environ["REDELTA_READELF"], "-d", "program")
    assert "NEEDED" in needed
    assert "zstd" not in needed


@pytest.mark.parametrize("page", ["src/README.md", "tests/README.md"])
def test_a_page_of_folders_has_each_folder_and_no_other(page: str) -> None:
    folder = (ROOT / page).parent
    listed = re.findall(r"^\| `([a-z/]+)` \|", (ROOT / page).read_text(), flags=re.MULTILINE)
    there = {path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert {name for name in listed if "/" not in name} == there - {"helpers"}
    assert all((folder / name).is_dir() for name in listed)
