"""What a measurement depends on besides the code: the machine, and the versions of the programs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from measuring import PROGRAM, ROOT, file_system

# Programs that are measured or compared with, and the option that makes each tell its version.
PROGRAMS = {
    "rdiff": "--version",
    "rsync": "--version",
    "xdelta3": "-V",
    "rdiff-backup": "--version",
    "duplicity": "--version",
    "burp": "-v",
    "gcc": "--version",
}


def first_line(*command: str) -> str | None:
    """Of what a program prints; None: it is not there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return None
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return lines[0].strip() if lines and done.returncode == 0 else None


def value_in(path: str, name: str) -> str:
    """The value of the first line `name : value` of a file in /proc."""
    for line in Path(path).read_text().splitlines():
        found, _, value = line.partition(":")
        if found.strip() == name:
            return value.strip()
    return "unknown"


def machine(data: Path) -> dict[str, Any]:
    release = platform.freedesktop_os_release()
    return {
        "processor": value_in("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_bytes": int(value_in("/proc/meminfo", "MemTotal").split()[0]) * 1024,
        "system": release.get("PRETTY_NAME", "unknown"),
        "kernel": platform.release(),
        "file_system": file_system(data),
    }


def versions() -> dict[str, Any]:
    found: dict[str, Any] = {name: first_line(name, option) for name, option in PROGRAMS.items()}
    return {
        "redelta": json.loads(first_line(PROGRAM, "--json", "--version") or "null"),
        **{name: version for name, version in found.items() if version},
        "python": platform.python_version(),
    }


def provenance(data: Path) -> dict[str, Any]:
    """All of it, with the date and the revision of the sources; a + marks one with changes that are not committed."""
    revision = first_line("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changed = first_line("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "revision": revision and revision + "+" * bool(changed),
        "machine": machine(data),
        "versions": versions(),
    }


def sentence(result: dict[str, Any]) -> str:
    """For people: the paragraph of a page."""
    found, programs = result["machine"], result["versions"]
    ours = programs["redelta"] or {"version": "unknown", "kernels": "unknown"}
    others = "; ".join(version for name, version in programs.items() if name not in ("redelta", "python"))
    return (
        f"Machine: {found['cores']} cores of {found['processor']}, {found['memory_bytes'] / 2**30:.0f} GiB, "
        f"{found['file_system']}, Linux {found['kernel']}, {found['system']}. Measured on {result['date']}: redelta "
        f"{ours['version']} (revision {result['revision']}, kernels {ours['kernels']}); {others}; "
        f"Python {programs['python']}."
    )
