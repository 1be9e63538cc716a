"""Programs compiled for librsync run on ours, and programs compiled for ours run on librsync.

One program, consumer.c, is compiled with either header, as C and as C++, and each result runs on either library. What
it prints, from the sizes and offsets of public types to the sums of what it makes, must be the same everywhere.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CONSUMER = Path(__file__).parent / "consumer.c"
STOCK_HEADER = Path("/usr/include/librsync.h")


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{name} is not set; run this test with ctest")
    return value


def run(*command: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that must succeed."""
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done


@dataclass(frozen=True)
class Language:
    name: str
    standard: str

    def compiler(self) -> str:
        """The compiler of the build, or its counterpart for C++."""
        cc = setting("REDELTA_CC")
        if self.name == "c":
            return cc
        path = Path(cc)
        sisters = {"clang": "clang++", "gcc": "g++", "cc": "c++"}
        return str(path.with_name(re.sub("clang|gcc|cc", lambda found: sisters[found.group()], path.name)))


C = Language("c", "-std=c11")
CPLUSPLUS = Language("c++", "-std=c++11")
LANGUAGES = [C, CPLUSPLUS]
HEADERS = ["stock", "ours"]
LIBRARIES = {"stock": "REDELTA_STOCK_LIBRSYNC", "ours": "REDELTA_LIBRSYNC"}


def header_words(header: str) -> list[str]:
    if header == "ours":
        return ["-I", str(Path(setting("REDELTA_SOURCE_DIR")) / "compat" / "librsync")]
    if not STOCK_HEADER.exists():
        pytest.fail(f"{STOCK_HEADER} is missing (Debian package librsync-dev)")
    return ["-I", str(STOCK_HEADER.parent)]


def compiled(program: Path, language: Language, header: str) -> Path:
    """The consumer, linked with the library that belongs to the header."""
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    sanitizers = os.environ.get("REDELTA_SANITIZE")
    sanitize = [f"-fsanitize={sanitizers}"] if sanitizers else []
    words = [*warnings, *sanitize, *header_words(header), "-x", language.name, str(CONSUMER), "-x", "none"]
    library = setting(LIBRARIES[header])
    # A library built with sanitizers leaves their functions undefined until it is loaded.
    late = ["-Wl,--allow-shlib-undefined"]
    run(language.compiler(), language.standard, *words, library, *late, "-o", program)
    return program


def output(program: Path, library: str) -> str:
    """What the program prints on that library, which it must have loaded."""
    path = Path(setting(LIBRARIES[library]))
    done = run(program, environment={"LD_LIBRARY_PATH": str(path.parent)})
    assert Path(done.stderr.splitlines()[0]).resolve() == path.resolve()
    return done.stdout


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A program of librsync on librsync."""
    program = compiled(tmp_path_factory.mktemp("stock") / "consumer", C, "stock")
    text = output(program, "stock")
    assert "new file of a job: 10000 bytes" in text
    return text


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_runs_alike(language: Language, header: str, library: str, expected: str, tmp_path: Path) -> None:
    program = compiled(tmp_path / "consumer", language, header)
    assert output(program, library).splitlines() == expected.splitlines()


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_header_without_files(language: Language, tmp_path: Path) -> None:
    """RSYNC_NO_STDIO_INTERFACE omits the whole-file functions, in ours as in stock."""
    source = tmp_path / "consumer"
    source.write_text(
        "#include <librsync.h>\nint rs_sig_file;\nint rs_file_open;\nint main(void) { return RS_DONE; }\n"
    )
    for header in HEADERS:
        words = [*header_words(header), "-D", "RSYNC_NO_STDIO_INTERFACE", "-x", language.name, str(source)]
        run(language.compiler(), language.standard, "-Werror", *words, "-fsyntax-only")
