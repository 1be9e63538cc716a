"""The packages themselves: their names, fields and files, and lintian's report."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

import pytest

from debian.tools import Package, run

# These are intended: the publisher of the packages sets an address (REDELTA_MAINTAINER); they close no bugs of Debian;
# and a replacement for librsync2 cannot have its name.
SUPPRESSED = (
    "bogus-mail-host",
    "bogus-mail-host-in-debian-changelog",
    "initial-upload-closes-no-bugs",
    "package-name-doesnt-match-sonames",
)

NAMES = ("libredelta0", "libredelta-dev", "redelta", "redelta-librsync2", "redelta-librsync-dev", "redelta-rdiff")


def version(source: Path) -> str:
    numbers = re.findall(r"^#define RD_VERSION_\w+ (\d+)$", (source / "include/redelta.h").read_text(), re.MULTILINE)
    return ".".join(numbers)


def test_there_is_a_package_for_each_use(packages: dict[str, Package]) -> None:
    assert sorted(packages) == sorted(NAMES)


def test_lintian_has_nothing_to_say(packages: dict[str, Package]) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    tags = ("--suppress-tags", ",".join(SUPPRESSED))
    files = [package.file for package in packages.values()]
    assert run("lintian", "--allow-root", "--fail-on", "error,warning", *tags, *files) == ""


def test_their_version_is_that_of_the_header(packages: dict[str, Package], source: Path) -> None:
    assert {package.fields["Version"] for package in packages.values()} == {f"{version(source)}-1"}


def test_each_has_a_license_and_a_changelog(packages: dict[str, Package]) -> None:
    for package in packages.values():
        files = package.files()
        for name in ("copyright", "changelog.gz", "changelog.Debian.gz"):
            assert f"./usr/share/doc/{package.name}/{name}" in files


def test_manuals_and_completions_are_in_their_packages(packages: dict[str, Package]) -> None:
    command, library = packages["redelta"].files(), packages["libredelta-dev"].files()
    assert {
        "./usr/share/man/man1/redelta.1.gz",
        "./usr/share/man/man1/redelta-patch.1.gz",
        "./usr/share/man/man1/redelta-push.1.gz",
        "./usr/share/man/man5/redelta-formats.5.gz",
        "./usr/share/bash-completion/completions/redelta",
        "./usr/share/zsh/vendor-completions/_redelta",
        "./usr/share/fish/vendor_completions.d/redelta.fish",
    } <= set(command)
    assert "./usr/share/man/man3/libredelta.3.gz" in library


def test_all_files_are_roots_and_readable(packages: dict[str, Package]) -> None:
    for package in packages.values():
        for name, mode in package.files().items():
            assert re.fullmatch(r"(-rw-r--r--|-rwxr-xr-x|lrwxrwxrwx) root/root", mode), name


def test_every_file_belongs_to_one_package(packages: dict[str, Package]) -> None:
    names = [name for package in packages.values() for name in package.files()]
    assert len(names) == len(set(names))


def test_libraries_of_several_processors_may_stand_side_by_side(packages: dict[str, Package]) -> None:
    assert {name for name in NAMES if packages[name].fields.get("Multi-Arch") == "same"} == {
        name for name in NAMES if "lib" in name
    }
    triplet = run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()
    for name in ("libredelta0", "redelta-librsync2"):
        assert any(file.startswith(f"./usr/lib/{triplet}/lib") for file in packages[name].files())


@pytest.mark.parametrize(
    ("name", "replaced"),
    [("redelta-librsync2", "librsync2"), ("redelta-librsync-dev", "librsync-dev"), ("redelta-rdiff", "rdiff")],
)
def test_what_takes_a_package_s_place_says_so(packages: dict[str, Package], name: str, replaced: str) -> None:
    fields = packages[name].fields
    assert (fields["Provides"], fields["Conflicts"], fields["Replaces"]) == (
        f"{replaced} (= 2.3.2)",
        replaced,
        replaced,
    )


@pytest.mark.parametrize("name", ["libredelta0", "redelta-librsync2"])
def test_ldconfig_is_run_by_a_trigger(packages: dict[str, Package], name: str) -> None:
    assert packages[name].control("triggers") == "activate-noawait ldconfig\n"
    assert "postinst" not in run("dpkg-deb", "--info", packages[name].file)


@pytest.mark.parametrize(
    ("name", "library", "map_file"),
    [
        ("libredelta0", "libredelta.so.0", "src/libredelta.map"),
        ("redelta-librsync2", "librsync.so.2", "compat/librsync/librsync.map"),
    ],
)
def test_the_symbols_are_those_of_the_library(
    packages: dict[str, Package], source: Path, tmp_path: Path, name: str, library: str, map_file: str
) -> None:
    run("dpkg-deb", "--extract", packages[name].file, tmp_path)
    (file,) = tmp_path.glob(f"usr/lib/*/{library}")
    lines = run("nm", "-D", "--defined-only", file).splitlines()
    exported = {re.sub(r"@@.*", "", line.split()[-1]) for line in lines}
    told = {line.split("@")[0].strip() for line in packages[name].control("symbols").splitlines()[1:]}
    assert told == exported
    assert len(told) > 35


def test_the_archive_of_the_sources_builds(directory: Path, source: Path, tmp_path: Path) -> None:
    with tarfile.open(directory / f"redelta-{version(source)}-source.tar.gz") as archive:
        archive.extractall(tmp_path)
    (tree,) = tmp_path.iterdir()
    assert not (tree / "build").exists()
    assert not list(tree.rglob(".git"))
    run("cmake", "-S", tree, "-B", tmp_path / "build", "-G", "Ninja", "-DREDELTA_TESTS=OFF")
    run("cmake", "--build", tmp_path / "build", "--target", "redelta_command")
    assert run(tmp_path / "build/bin/redelta", "--version").split()[:2] == ["redelta", version(source)]


def test_the_source_distribution_has_what_the_python_package_is_built_of(directory: Path, source: Path) -> None:
    with tarfile.open(directory / f"redelta-{version(source)}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"PKG-INFO", "pyproject.toml", "LICENSE", "CMakeLists.txt", "include/redelta.h"} <= names
    assert any(name.startswith("python/src/redelta/") for name in names)
    assert not any(name.startswith("build/") for name in names)


def test_the_archive_of_an_installation_runs_where_it_is_unpacked(
    directory: Path, source: Path, tmp_path: Path
) -> None:
    (file,) = directory.glob("redelta-*-Linux-*.tar.gz")
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path)
    (tree,) = tmp_path.iterdir()
    assert run(tree / "bin/redelta", "--version").split()[:2] == ["redelta", version(source)]
