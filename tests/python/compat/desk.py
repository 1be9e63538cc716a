"""rdiff-backup and duplicity, as Debian packs them, with `redelta.compat._librsync` in place of their own extension.

It is put there by a `sitecustomize` on PYTHONPATH, which Python imports before any program. The dynamic linker's report
(LD_DEBUG) shows that it was used, and that librsync was not. A mix of the two is a word that has a letter for each
step: `s` is the program as it is, `o` with ours.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import redelta
from consumers.programs import Word
from helpers.tool import HANG_SECONDS

PACKAGES = ("rdiff_backup", "duplicity")
SITECUSTOMIZE = f"""
import sys
import redelta.compat._librsync
for package in {PACKAGES}:
    sys.modules[package + "._librsync"] = redelta.compat._librsync
"""

LOADED = re.compile(r"calling init: (\S*/(?:librsync\.so\.2|_librsync\.\S+|redelta/_core\.\S+))\n")


@dataclass(frozen=True)
class Desk:
    """A place to run programs in, with a home of their own, and what is put in place of their extension."""

    folder: Path

    def prepare(self) -> None:
        shim = self.folder / "shim"
        shim.mkdir()
        (shim / "sitecustomize.py").write_text(SITECUSTOMIZE)
        (shim / "redelta").symlink_to(Path(redelta.__file__).parent)
        (self.folder / "home").mkdir()

    def run(self, letter: str, *words: Word, status: int | None = 0) -> str:
        """Asserts the status (None: some failure) and which of the two was used, and gives what was said."""
        log = self.folder / "ld"
        shutil.rmtree(log, ignore_errors=True)
        log.mkdir()
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_DEBUG": "libs",
            "LD_DEBUG_OUTPUT": str(log / "log"),
        }
        if letter == "o":
            environment["PYTHONPATH"] = str(self.folder / "shim")
        command = [str(word) for word in words]
        finished = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=self.folder,
            timeout=HANG_SECONDS,
            check=False,
        )
        said = finished.stdout.decode(errors="replace")
        expected = finished.returncode > 0 if status is None else finished.returncode == status
        assert expected, f"{command}: status {finished.returncode}\n{said}"
        self.assert_used(letter, log)
        return said

    def assert_used(self, letter: str, log: Path) -> None:
        texts: Sequence[str] = [file.read_text(errors="replace") for file in log.iterdir()]
        names = {Path(found).name.partition(".")[0] for text in texts for found in LOADED.findall(text)}
        assert names == ({"_core"} if letter == "o" else {"_librsync", "librsync"})
