"""The programs of Debian that use librsync, run on the system's library or on ours.

The programs are what Debian packs. LD_LIBRARY_PATH alone selects their librsync.so.2, and each run is checked: the
dynamic linker reports the libraries it loads (LD_DEBUG), and a run that used another librsync, or none, fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helpers.tool import HANG_SECONDS

LOADED = re.compile(r"calling init: (\S*/librsync\.so\.2)\n")

Word = str | Path


@dataclass(frozen=True)
class Librsync:
    """One of the two libraries: its name for people, and the file."""

    name: str
    path: Path


def stock_librsync() -> Path:
    """The system's librsync.so.2: the one that the dynamic linker finds by default."""
    found = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    paths = re.findall(r"librsync\.so\.2 .*=> (\S+)", found)
    assert paths, "librsync is not installed (Debian package librsync2)"
    return Path(paths[0])


@dataclass(frozen=True)
class Desk:
    """A place to run programs in: a folder with a home of their own, without outside settings or caches."""

    folder: Path

    def run(self, librsync: Librsync, *words: Word, status: int | None = 0) -> str:
        """Asserts the status (None: some failure) and which library was loaded, and returns the output."""
        log = self._new_log("ld")
        command = [str(word) for word in words]
        finished = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(librsync, log),
            cwd=self.folder,
            timeout=HANG_SECONDS,
            check=False,
        )
        said = finished.stdout.decode(errors="replace")
        expected = finished.returncode > 0 if status is None else finished.returncode == status
        assert expected, f"{command}: status {finished.returncode}\n{said}"
        loaded = loaded_librsyncs(log)
        assert loaded == {librsync.path.resolve()}, f"{command} loaded {loaded}, not {librsync.name}"
        return said

    @contextmanager
    def serving(self, librsync: Librsync, *words: Word) -> Iterator[None]:
        """Runs a program that serves others in the background. At the end, it is asked to end, and the library that it
        or its children loaded is asserted."""
        log = self._new_log("ld-server")
        with (self.folder / "server.log").open("ab") as said:
            process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=self._environment(librsync, log),
                cwd=self.folder,
            )
            try:
                yield
            finally:
                process.terminate()
                process.wait(HANG_SECONDS)
        loaded = loaded_librsyncs(log)
        assert loaded == {librsync.path.resolve()}, f"the server loaded {loaded}, not {librsync.name}"

    def _new_log(self, name: str) -> Path:
        """An empty folder for what the dynamic linker reports."""
        log = self.folder / name
        shutil.rmtree(log, ignore_errors=True)
        log.mkdir()
        return log

    def _environment(self, librsync: Librsync, log: Path) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "LD_LIBRARY_PATH": str(librsync.path.parent),
            "LD_DEBUG": "libs",
            "LD_DEBUG_OUTPUT": str(log / "log"),
        }


def loaded_librsyncs(log: Path) -> set[Path]:
    """The files that were loaded as librsync.so.2 by any process that wrote into this folder."""
    texts: Sequence[str] = [file.read_text(errors="replace") for file in log.iterdir()]
    return {Path(found).resolve() for text in texts for found in LOADED.findall(text)}
