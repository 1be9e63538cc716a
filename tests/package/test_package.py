"""The contents of an installation, and its use by projects of every kind.

The release is installed once into a temporary prefix, as `cmake --install` does it for anyone. Then a small program is
built against it with find_package, with pkg-config and as a subproject, with the shared and with the static library,
and run. The build to install and the tools come from the environment that CTest sets.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CONSUMER = Path(__file__).parent / "consumer"


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{name} is not set; run this test with ctest")
    return value


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Installed:
    """An installation: its prefix, and the directory of its libraries."""

    prefix: Path
    libraries: Path

    def pkg_config(self, *words: str) -> list[str]:
        environment = {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}
        return run("pkg-config", *words, environment=environment).split()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    prefix = tmp_path_factory.mktemp("installed") / "prefix"
    run(setting("REDELTA_CMAKE"), "--install", setting("REDELTA_BUILD_DIR"), "--prefix", prefix)
    (archive,) = prefix.glob("**/libredelta.a")
    return Installed(prefix, archive.parent)


def header_functions(header: Path) -> list[str]:
    """The names of the functions that the public header declares with RD_API, in its order."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    return re.findall(r"\bRD_API\b[^;(]*?\b(rd_\w+)\s*\(", text)


def configure_and_build(build: Path, *definitions: str) -> None:
    cmake = setting("REDELTA_CMAKE")
    tools = ("-G", setting("REDELTA_GENERATOR"), f"-DCMAKE_C_COMPILER={setting('REDELTA_CC')}")
    run(cmake, "-S", CONSUMER, "-B", build, *tools, *definitions)
    run(cmake, "--build", build)


def compile_with(words: Sequence[str], program: Path) -> None:
    run(setting("REDELTA_CC"), "-std=c11", CONSUMER / "consumer.c", "-o", program, *words)


def test_installs_the_files_that_belong_to_a_package(installed: Installed) -> None:
    names = {str(path.relative_to(installed.prefix)) for path in installed.prefix.rglob("*") if not path.is_dir()}
    libraries = installed.libraries.relative_to(installed.prefix)
    expected = {
        "bin/redelta",
        "include/redelta.h",
        "share/man/man1/redelta.1",
        "share/man/man1/redelta-delta.1",
        "share/man/man1/redelta-push.1",
        "share/man/man3/libredelta.3",
        "share/man/man5/redelta-formats.5",
        "share/bash-completion/completions/redelta",
        "share/zsh/site-functions/_redelta",
        "share/fish/vendor_completions.d/redelta.fish",
        f"{libraries}/libredelta.a",
        f"{libraries}/libredelta.so",
        f"{libraries}/libredelta.so.0",
        f"{libraries}/pkgconfig/redelta.pc",
        f"{libraries}/cmake/redelta/redelta-config.cmake",
        f"{libraries}/cmake/redelta/redelta-config-version.cmake",
    }
    assert expected <= names


def test_installs_the_public_header_and_no_other(installed: Installed) -> None:
    assert [path.name for path in installed.prefix.rglob("*.h")] == ["redelta.h"]
    assert (installed.prefix / "include/redelta.h").read_bytes() == (
        Path(setting("REDELTA_SOURCE_DIR")) / "include/redelta.h"
    ).read_bytes()


def test_the_installed_command_runs_and_says_the_version_of_the_package(installed: Installed) -> None:
    command = installed.prefix / "bin/redelta"
    assert command.stat().st_mode & stat.S_IXUSR
    (version,) = installed.pkg_config("--modversion", "redelta")
    assert run(command, "--version").split()[:2] == ["redelta", version]


def test_the_installed_command_synchronises_a_file(installed: Installed, tmp_path: Path) -> None:
    command = installed.prefix / "bin/redelta"
    names = ("basis", "signature", "new", "delta", "patched")
    basis, signature, new, delta, patched = (tmp_path / name for name in names)
    basis.write_bytes(bytes(range(256)) * 64)
    new.write_bytes(b"before" + basis.read_bytes()[1000:] + b"after")
    run(command, "signature", basis, signature)
    run(command, "delta", signature, new, delta)
    run(command, "patch", basis, delta, patched)
    assert patched.read_bytes() == new.read_bytes()


def test_the_version_script_lists_the_functions_of_the_header(installed: Installed) -> None:
    script = (Path(setting("REDELTA_SOURCE_DIR")) / "src/libredelta.map").read_text()
    listed = re.findall(r"^\s*(rd_\w+);", script, flags=re.MULTILINE)
    assert listed == header_functions(installed.prefix / "include/redelta.h")
    assert len(listed) > 30


def test_the_shared_library_exports_the_functions_of_the_header_and_nothing_else(installed: Installed) -> None:
    lines = run(setting("REDELTA_NM"), "-D", "--defined-only", installed.libraries / "libredelta.so").splitlines()
    symbols = [line.split()[-1] for line in lines]
    exported = sorted(re.sub(r"@.*", "", symbol) for symbol in symbols if not symbol.startswith("REDELTA_"))
    assert exported == sorted(header_functions(installed.prefix / "include/redelta.h"))
    assert all(symbol.endswith("@@REDELTA_0") for symbol in symbols if not symbol.startswith("REDELTA_"))


def test_find_package_gives_both_libraries(installed: Installed, tmp_path: Path) -> None:
    configure_and_build(tmp_path, f"-DCMAKE_PREFIX_PATH={installed.prefix}")
    assert run(tmp_path / "consumer_shared").startswith("redelta ")
    assert run(tmp_path / "consumer_static").startswith("redelta ")


def test_a_subproject_gives_both_libraries(tmp_path: Path) -> None:
    configure_and_build(tmp_path, f"-DREDELTA_SUBDIRECTORY={setting('REDELTA_SOURCE_DIR')}")
    assert run(tmp_path / "consumer_shared").startswith("redelta ")
    assert run(tmp_path / "consumer_static").startswith("redelta ")


def test_a_subproject_has_neither_tests_nor_installation(tmp_path: Path) -> None:
    configure_and_build(tmp_path / "build", f"-DREDELTA_SUBDIRECTORY={setting('REDELTA_SOURCE_DIR')}")
    run(setting("REDELTA_CMAKE"), "--install", tmp_path / "build", "--prefix", tmp_path / "prefix")
    assert not list(tmp_path.glob("prefix/**/*redelta*"))
    assert not list(tmp_path.glob("build/**/CTestTestfile.cmake"))


def test_pkg_config_gives_the_shared_library(installed: Installed, tmp_path: Path) -> None:
    program = tmp_path / "consumer"
    compile_with(installed.pkg_config("--cflags", "--libs", "redelta"), program)
    output = run(program, environment={"LD_LIBRARY_PATH": str(installed.libraries)})
    assert output.startswith("redelta ")
    assert "libredelta.so.0" in run(setting("REDELTA_READELF"), "-d", program)


def test_pkg_config_gives_the_static_library(installed: Installed, tmp_path: Path) -> None:
    program = tmp_path / "consumer"
    words = installed.pkg_config("--static", "--cflags", "--libs", "redelta")
    compile_with(["-Wl,-Bstatic", *words, "-Wl,-Bdynamic"], program)
    assert run(program).startswith("redelta ")
    assert "libredelta" not in run(setting("REDELTA_READELF"), "-d", program)


def test_an_installation_can_be_moved(installed: Installed, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(installed.prefix, moved, symlinks=True)
    libraries = moved / installed.libraries.relative_to(installed.prefix)
    (directory,) = Installed(moved, libraries).pkg_config("--variable=libdir", "redelta")
    assert Path(directory).resolve() == libraries.resolve()
    configure_and_build(tmp_path / "build", f"-DCMAKE_PREFIX_PATH={moved}")
    assert run(tmp_path / "build/consumer_shared").startswith("redelta ")


def test_the_program_of_the_documents_brings_a_file_up_to_date(installed: Installed, tmp_path: Path) -> None:
    page = (Path(setting("REDELTA_SOURCE_DIR")) / "docs/c-api.md").read_text()
    blocks = re.findall(r"^```c\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    (program,) = [block for block in blocks if "int main(" in block]
    (tmp_path / "program.c").write_text(program)
    words = installed.pkg_config("--cflags", "--libs", "redelta")
    run(
        setting("REDELTA_CC"),
        "-std=c11",
        "-Wall",
        "-Werror",
        tmp_path / "program.c",
        "-o",
        tmp_path / "program",
        *words,
    )
    old = bytes(range(256)) * 1000
    new = b"before" + old[1000:] + b"after"
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(installed.libraries)}
    done = subprocess.run(["./program"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "old").read_bytes() == new
    assert re.fullmatch(r"\d+ bytes would have travelled\n", done.stdout)
