"""docs/errors.md shows what the verbs of the package say: the commands of its blocks for them are run here.

All other blocks are those of the command, and are run in tests/command/test_documents.py.
"""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.programs import BIN
from helpers.samples import noise
from helpers.tool import HANG_SECONDS
from redelta import dataset

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
BLOCK = re.compile(r"^```console title=\"with the Python package\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def furnish(place: Path) -> None:
    """What the page says is there."""
    for name, more in ("data", b""), ("newer", b"!"):
        (place / name).mkdir()
        (place / name / "a").write_bytes(noise(20_000, 1) + more)
        (place / name / "b").write_bytes(noise(20_000, 2))
        os.utime(place / name / "b", (1, 1))
        os.utime(place / name, (1, 1))
    (place / "new").write_bytes(b"new")
    with ThreadPoolExecutor(1) as threads:
        dataset.write_signature(place / "data", place / "data.sig", executor=threads)
        dataset.write_delta(place / "data.sig", place / "newer", place / "data.delta", executor=threads)


def test_the_commands_of_the_page_say_what_it_shows(tmp_path: Path) -> None:
    furnish(tmp_path)
    programs = "".join(f'{verb}) shift; exec "{BIN}/redelta-{verb}" "$@";; ' for verb in ("dataset", "push", "pull"))
    shell = f"redelta() ( case $1 in {programs} esac )\n"
    number = 0
    for block in BLOCK.findall(PAGE.read_text()):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            done = subprocess.run(
                ["bash", "-c", shell + command], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=HANG_SECONDS, check=False,
            )  # fmt: skip
            assert done.stdout.replace(f"{tmp_path}/", "") == shown, f"$ {command}"
            number += 1
    assert number > 10
