"""Packages of Debian, and a Debian in a directory to install them into.

The fresh Debian comes from the mirror that this machine's apt uses, by debootstrap. It can only be made by root, on
Debian, with the mirror within reach; elsewhere the tests that need it are skipped, with the reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

HANG_SECONDS = 1800

# What the tests run in it: programs that use librsync, what builds programs, and what our packages depend on.
INCLUDED = (
    "libzstd-dev",
    "gcc",
    "libc6-dev",
    "pkg-config",
    "dpkg-dev",
    "rdiff",
    "librsync-dev",
    "rdiff-backup",
    "duplicity",
)

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{name} is not set; run this test with ctest")
    return value


def run(*command: str | Path, status: int = 0) -> str:
    """The output of a command on both its streams; its status must be this."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=HANG_SECONDS,
    )  # fmt: skip
    assert done.returncode == status, f"{' '.join(map(str, command))}\nstatus {done.returncode}\n{done.stdout}"
    return done.stdout


@dataclass(frozen=True)
class Package:
    """A package that was made: its file and its fields."""

    file: Path
    fields: dict[str, str]

    @property
    def name(self) -> str:
        return self.fields["Package"]

    def files(self) -> dict[str, str]:
        """Its files, by their names, with their modes and owners."""
        lines = run("dpkg-deb", "--contents", self.file).splitlines()
        words = [line.split(maxsplit=5) for line in lines]
        return {word[5].split(" -> ")[0]: f"{word[0]} {word[1]}" for word in words if not word[5].endswith("/")}

    def control(self, name: str) -> str:
        """A file of its control archive."""
        return run("dpkg-deb", "--info", self.file, name)


def mirror() -> tuple[str, str]:
    """The address and the suite that this machine's apt uses for Debian, or a reason to skip the test."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), flags=re.MULTILINE))
    if os.geteuid() != 0:
        pytest.skip("only root can make a fresh Debian")
    if release.get("ID") != "debian" or shutil.which("debootstrap") is None:
        pytest.skip("a fresh Debian is made only on Debian, with debootstrap")
    suite = release["VERSION_CODENAME"]
    targets = run("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages")
    addresses = [line.split()[1] for line in targets.splitlines() if line.split()[0] == suite]
    for address in addresses:
        try:
            with urllib.request.urlopen(f"{address.rstrip('/')}/dists/{suite}/Release", timeout=60) as answer:
                if b"\nLabel: Debian\n" in b"\n" + answer.read(4096):
                    return address, suite
        except (urllib.error.URLError, OSError):
            continue
    pytest.skip("no mirror of Debian can be reached")


def fresh_debian(place: Path) -> Path:
    """An untouched Debian. Its name identifies its content; an unfinished one has another."""
    address, suite = mirror()
    tree = place / "-".join((suite, *INCLUDED))
    if not tree.exists():
        part = place / "part"
        shutil.rmtree(part, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        run("debootstrap", "--variant=minbase", f"--include={','.join(INCLUDED)}", suite, part, address)
        part.rename(tree)
    return tree


@dataclass(frozen=True)
class Debian:
    """A Debian in a directory, in which commands can be run."""

    root: Path

    def run(self, *words: str, status: int = 0) -> str:
        variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        return run("chroot", self.root, "/usr/bin/env", "-i", *variables, *words, status=status)

    def shell(self, script: str, status: int = 0) -> str:
        return self.run("sh", "-euc", script, status=status)

    def install(self, *packages: Package) -> str:
        """Installs them with apt, which takes their dependencies from what is installed."""
        for package in packages:
            shutil.copy(package.file, self.root / "tmp")
        return self.run("apt-get", "install", "-y", *(f"/tmp/{package.file.name}" for package in packages))

    def installed(self) -> set[str]:
        """The names of the packages that are installed."""
        lines = self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n").splitlines()
        return {line.split()[1] for line in lines if line.startswith("ii")}
