"""The package as a whole: its examples, its command, its types, its numbers."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.tool import HANG_SECONDS


def run_module(*words: str | Path, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "redelta", *map(str, words)]
    return subprocess.run(command, input=data, capture_output=True, timeout=HANG_SECONDS, check=False, cwd="/")


def test_the_examples_are_true() -> None:
    results = doctest.testmod(redelta)
    assert results.attempted > 20
    assert results.failed == 0


def test_the_module_is_the_command(tmp_path: Path) -> None:
    (tmp_path / "basis").write_bytes(b"basis" * 1000)
    done = run_module("signature", tmp_path / "basis")
    assert (done.returncode, done.stdout) == (0, redelta.signature(tmp_path / "basis"))
    failed = run_module("signature", tmp_path / "missing")
    assert failed.returncode == 1
    assert failed.stderr.startswith(b"redelta: signature: ")
    assert run_module("--version").stdout.split()[1].decode() == redelta.__version__


def test_a_missing_command_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    main = importlib.import_module("redelta.__main__")
    monkeypatch.setattr(main, "places", lambda: iter([Path("/nowhere/redelta")]))
    assert main.main() == 1
    assert "/nowhere/redelta" in capsys.readouterr().err


def test_the_command_is_looked_for_where_scripts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    main = importlib.import_module("redelta.__main__")

    def unknown(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", unknown)
    assert Path(sys.prefix, "bin", "redelta") in list(main.places())


def test_every_public_name_is_there_and_says_so() -> None:
    for name in redelta.__all__:
        value = getattr(redelta, name)
        assert getattr(value, "__module__", "redelta") in ("redelta", "types", "typing", "collections.abc")
        if isinstance(value, type):
            assert value.__doc__


def test_types_come_with_it() -> None:
    files = resources.files("redelta")
    assert (files / "py.typed").is_file()
    assert (files / "_core.pyi").is_file()


def test_it_needs_nothing_else() -> None:
    assert all("extra ==" in needed for needed in metadata.requires("redelta") or [])
    assert metadata.version("redelta") == redelta.__version__
    assert {name for _, name, _ in pkgutil.iter_modules(redelta.__path__)} >= {"_core", "__main__"}


def test_the_extension_takes_files_by_position_and_all_else_by_keywords() -> None:
    core: Any = importlib.import_module("redelta._core")
    signature, _ = core.make_signature(b"basis", None, block_len=100, strong_len=8)
    table, _ = core.load_signature(signature)
    delta, _ = core.make_delta(table, b"basis", None, verify=core.VERIFY_NEVER)
    assert delta == bytes.fromhex("72730236 45 00 05 00")
    functions: dict[str, tuple[object, ...]] = {
        "signature_stream": (),
        "delta_stream": (table,),
        "patch_stream": (b"",),
        "make_signature": (b"", None),
        "load_signature": (signature,),
        "make_delta": (table, b"", None),
        "apply_patch": (b"", b"", None),
        "build_signature": (b"",),
        "build_part": (b"", 0, None),
        "load_part": (signature, 0),
        "join_parts": ((),),
        "write_signature": (table, None),
        "make_digest": (b"",),
        "verify_delta": (b"", b""),
        "inspect": (b"",),
        "open_ops": (b"",),
        "open_writer": (None, None),
    }
    for name, files in functions.items():
        call = getattr(core, name)
        with pytest.raises(TypeError):
            call(*files, 0)
        for wrong in ({"level": 1}, {"weak": "rk"}):
            with pytest.raises(TypeError):
                call(*files, **wrong)
    stream = core.signature_stream(block_len=100, strong_len=8)
    with pytest.raises(TypeError):
        stream.step(b"basis", True)
    assert stream.step(b"basis", last=True) == (signature, 5, True)


def test_numbers_show_themselves() -> None:
    stats = redelta.write_signature(bytes(10_000), "/dev/null", block_len=1000)
    assert (stats.in_bytes, stats.blocks) == (10_000, 10)
    shown = stats._repr_html_()
    assert "<td style='text-align: right'>10,000</td>" in shown
    assert "copy" not in shown  # what does not apply is left out
    patched = redelta.write_patch(b"", redelta.delta(redelta.signature(b""), b"new"), "/dev/null")
    assert patched.digest is not None
    assert patched.digest.hex() in patched._repr_html_()
