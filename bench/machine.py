"""What a measurement depends on besides the code: the machine, and the versions of the programs."""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from measuring import PROGRAM, ROOT, file_system

BUSY = 0.5  # of the cores, at the start

# Programs that are measured, compared with or compiled with: the option that makes each tell its version, and the
# scripts that use it. That of rdiff is also that of the system's librsync.
PROGRAMS = {
    "rdiff": ("--version", {"versus", "versus-diff", "growth", "python-compat", "nightly", "burp"}),
    "xdelta3": ("-V", {"versus-diff"}),
    "zstd": ("--version", {"versus-diff", "wire"}),
    "rsync": ("--version", {"wire"}),
    "b3sum": ("--version", {"digest"}),
    "rdiff-backup": ("--version", {"nightly"}),
    "duplicity": ("--version", {"nightly"}),
    "burp": ("-v", {"burp"}),
    "gcc": ("--version", {"kernels", "directory", "many-files", "small-files", "digest"}),
}


@functools.cache
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


def versions(scripts: set[str]) -> dict[str, Any]:
    """Those of redelta, of Python and of the programs that these scripts use."""
    used = {name: option for name, (option, users) in PROGRAMS.items() if users & scripts}
    found: dict[str, Any] = {name: first_line(name, option) for name, option in used.items()}
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
        "versions": versions(set()),
    }


def busy(load: float, cores: int) -> str:
    """A sentence, or nothing if the load leaves enough of the cores."""
    return f"The machine was busy: its load was {load:.1f} at the start." if load > BUSY * cores else ""


def was_busy(result: dict[str, Any]) -> str:
    return busy(result.get("load", 0), result["machine"]["cores"])


def sentence(result: dict[str, Any]) -> str:
    """For people: the paragraph of a page."""
    found, programs = result["machine"], result["versions"]
    ours = programs["redelta"] or {"version": "unknown", "kernels": "unknown"}
    others = [version for name, version in programs.items() if name not in ("redelta", "python")]
    words = (
        f"Machine: {found['cores']} cores of {found['processor']}, {found['memory_bytes'] / 2**30:.0f} GiB, "
        f"{found['file_system']}, Linux {found['kernel']}, {found['system']}. Measured on {result['date']}: redelta "
        f"{ours['version']} (revision {result['revision']}, kernels {ours['kernels']}); "
        f"{'; '.join([*others, 'Python ' + programs['python']])}."
    )
    return f"{words} {was_busy(result)}".strip()
