"""That librsync.so.2 has the symbols of the librsync that it replaces, and can be installed in its place.

The list of symbols is here, and is also compared with the librsync of the system: the one that rdiff runs with.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.tool import SANITIZED

FUNCTIONS = re.findall(
    r"\w+",
    """
    rs_base64 rs_build_hash_table rs_delta_begin rs_delta_file rs_file_close rs_file_copy_cb rs_file_open rs_file_size
    rs_format_stats rs_free_sumset rs_hexify rs_job_drive rs_job_free rs_job_iter rs_job_statistics rs_loadsig_begin
    rs_loadsig_file rs_log_stats rs_mdfour rs_mdfour_begin rs_mdfour_result rs_mdfour_update rs_patch_begin
    rs_patch_file rs_sig_args rs_sig_begin rs_sig_file rs_signature_log_stats rs_strerror rs_sumset_dump
    rs_supports_trace rs_trace_set_level rs_trace_stderr rs_trace_to rs_unbase64
    """,
)
VARIABLES = ["RS_BLAKE2_SUM_LENGTH", "RS_MD4_SUM_LENGTH", "rs_inbuflen", "rs_librsync_version", "rs_outbuflen"]
SYMBOLS = sorted(FUNCTIONS + VARIABLES)

PROGRAM = """
#include <librsync.h>

int main(void) {
    unsigned char sum[16];
    rs_mdfour(sum, "", 0);
    return puts(rs_librsync_version) < 0 || rs_job_free(rs_sig_begin(0, 0, RS_RK_BLAKE2_SIG_MAGIC)) != RS_DONE;
}
"""


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


@pytest.fixture(scope="session")
def ours() -> Path:
    return Path(setting("REDELTA_LIBRSYNC"))


@pytest.fixture(scope="session")
def stock() -> Path:
    """The library with which the system's rdiff runs."""
    rdiff = shutil.which("rdiff")
    assert rdiff, "rdiff is not installed"
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    listed = subprocess.run(["ldd", rdiff], env=environment, capture_output=True, text=True, check=True).stdout
    found = re.search(r"librsync\.so\.2 => (\S+)", listed)
    assert found, listed
    return Path(found[1])


def exported(library: Path) -> list[str]:
    lines = run(setting("REDELTA_NM"), "-D", "--defined-only", library).splitlines()
    return sorted(line.split()[-1] for line in lines)


def dynamic(library: Path, tag: str) -> list[str]:
    text = run(setting("REDELTA_READELF"), "-dW", library)
    return re.findall(rf"\({tag}\).*\[(.*)\]", text)


def objects(library: Path) -> dict[str, int]:
    """The exported variables and their sizes, which programs that are not position independent have copied."""
    text = run(setting("REDELTA_READELF"), "--dyn-syms", "-W", library)
    rows = [line.split() for line in text.splitlines() if " OBJECT " in line and " UND " not in line]
    return {row[7]: int(row[2]) for row in rows}


def test_exports_the_symbols_of_librsync_and_nothing_else(ours: Path) -> None:
    assert len(SYMBOLS) == 40
    assert exported(ours) == SYMBOLS


def test_the_librsync_of_the_system_exports_the_same(ours: Path, stock: Path) -> None:
    assert exported(stock) == exported(ours)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer puts room between variables")
def test_variables_have_the_sizes_of_librsync(ours: Path, stock: Path) -> None:
    assert set(objects(ours)) == set(VARIABLES)
    assert objects(ours) == objects(stock)


def test_has_the_name_of_librsync(ours: Path, stock: Path) -> None:
    assert dynamic(ours, "SONAME") == dynamic(stock, "SONAME") == ["librsync.so.2"]
    assert ours.resolve().name == stock.resolve().name


@pytest.mark.skipif(SANITIZED, reason="a sanitizer brings libraries of its own")
def test_needs_the_c_library_alone(ours: Path) -> None:
    assert all(re.match(r"(libc|libpthread|ld-linux.*)\.", name) for name in dynamic(ours, "NEEDED"))


def test_the_header_declares_the_symbols_and_no_other() -> None:
    text = (Path(setting("REDELTA_SOURCE_DIR")) / "compat/librsync/librsync.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    declarations = re.findall(r"\bLIBRSYNC_EXPORT\b(.*?);", text, flags=re.DOTALL)
    functions = {re.findall(r"\b(rs_\w+)\s*\(", words)[0] for words in declarations if "(" in words}
    assert functions == set(FUNCTIONS)
    variables = {name for words in declarations if "(" not in words for name in re.findall(r"\b(?:rs|RS)_\w+\b", words)}
    assert variables == set(VARIABLES)


def test_the_header_lets_programs_see_that_it_is_no_librsync_before_1_0() -> None:
    text = (Path(setting("REDELTA_SOURCE_DIR")) / "compat/librsync/librsync.h").read_text()
    assert "RS_DEFAULT_STRONG_LEN" not in text


def test_the_archive_has_the_symbols(ours: Path) -> None:
    text = run(setting("REDELTA_NM"), "-g", "--defined-only", ours.parent / "librsync.a")
    found = {line.split()[-1] for line in text.splitlines() if len(line.split()) == 3}
    assert found >= set(SYMBOLS)
    assert all(re.match(r"(rd_|rd__|rs__|rs_|RS_|__odr_asan|__asan)", name) for name in found)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The components as they are installed, and then moved."""
    directory = tmp_path_factory.mktemp("librsync")
    build = setting("REDELTA_BUILD_DIR")
    prefix = directory / "prefix"
    for component in ("librsync", "librsync-dev"):
        run(setting("REDELTA_CMAKE"), "--install", build, "--component", component, "--prefix", prefix)
    return prefix.rename(directory / "moved")


def test_the_components_are_what_the_development_package_has(installed: Path) -> None:
    (archive,) = installed.glob("**/librsync.a")
    libraries = archive.parent.relative_to(installed)
    names = {str(path.relative_to(installed)) for path in installed.rglob("*") if not path.is_dir()}
    shared = {f"{libraries}/librsync.so{suffix}" for suffix in ("", ".2", ".2.3.2")}
    headers = {"include/librsync.h", "include/librsync_export.h"}
    assert names == shared | headers | {f"{libraries}/librsync.a", f"{libraries}/pkgconfig/librsync.pc"}


def test_only_who_asks_for_the_components_gets_them(tmp_path: Path) -> None:
    run(setting("REDELTA_CMAKE"), "--install", setting("REDELTA_BUILD_DIR"), "--prefix", tmp_path)
    assert list(tmp_path.glob("**/redelta.h"))
    assert not list(tmp_path.glob("**/librsync*"))


def pkg_config(installed: Path, *words: str) -> list[str]:
    (file,) = installed.glob("**/librsync.pc")
    return run("pkg-config", *words, "librsync", environment={"PKG_CONFIG_PATH": str(file.parent)}).split()


def test_the_package_has_the_version_of_librsync(installed: Path) -> None:
    assert pkg_config(installed, "--modversion") == ["2.3.2"]


@pytest.mark.skipif(SANITIZED, reason="what is installed is a release")
@pytest.mark.parametrize("static", [False, True])
def test_programs_are_built_by_pkg_config(installed: Path, tmp_path: Path, static: bool) -> None:
    source = tmp_path / "program.c"
    source.write_text(PROGRAM)
    words = pkg_config(installed, *(["--static"] if static else []), "--cflags", "--libs")
    if static:
        words = ["-Wl,-Bstatic", *words, "-Wl,-Bdynamic"]
    program = tmp_path / "program"
    run(setting("REDELTA_CC"), "-std=c11", "-Wall", "-Werror", source, "-o", program, *words)
    (library,) = installed.glob("**/librsync.so.2")
    output = run(program, environment={"LD_LIBRARY_PATH": str(library.parent)})
    assert output == "librsync 2.3.2\n"
    assert dynamic(program, "NEEDED").count("librsync.so.2") == (0 if static else 1)
