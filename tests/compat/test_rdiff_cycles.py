"""The three steps, each by any of three programs: stock rdiff, ours, and Debian's on our library.

Inputs, options and ways of passing files are those that scripts use: named files and pipes, buffers of a byte, every
kind of sum, short blocks and sums. Afterwards there is the new file, whoever made the signature and the delta.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from helpers.samples import PAIRS, noise, prose, random_edits
from helpers.tool import SANITIZED, Tool, shell

PROGRAMS = ("stock", "ours", "debians")
ENDED, MAGIC, CORRUPT, FAILED, SYNTAX = 103, 104, 106, 100, 101

SIGNATURE_OPTIONS = [
    [],
    ["-b", "64"],
    ["-b", "2048", "-S", "8"],
    ["-H", "md4"],
    ["-R", "rollsum"],
    ["-H", "md4", "-R", "rollsum", "-b", "100", "-S", "7"],
    ["-S", "-1"],
]
BUFFERS = [[], ["-I", "1"], ["-O", "1"], ["-I", "4096", "-O", "17"], ["-I", "1000000"]]


@pytest.fixture(params=PROGRAMS)
def one(request: pytest.FixtureRequest) -> Tool:
    """Each program."""
    return program(request, request.param)


def program(request: pytest.FixtureRequest, name: str) -> Tool:
    found: Tool = request.getfixturevalue("rdiff" if name == "stock" else name)
    return found


def inputs() -> dict[str, bytes]:
    """Files of many sizes and kinds."""
    text = prose(20_000, 1)
    made = {f"{size} bytes": noise(size, size) for size in (0, 1, 2, 63, 64, 65, 2047, 2048, 2049, 70_000)}
    made |= {"text": text, "zeros": bytes(30_000), "every byte": bytes(range(256)) * 40}
    made |= {f"text, changed {count} times": random_edits(text, count, count) for count in (1, 5, 40)}
    return made


class Folder:
    """Where one cycle happens."""

    def __init__(self, path: Path, old: bytes, new: bytes) -> None:
        self.path = path
        self.new = new
        (path / "old").write_bytes(old)
        (path / "new").write_bytes(new)

    def cycle(self, sign: Tool, delta: Tool, patch: Tool, *options: str, buffers: tuple[str, ...] = ()) -> None:
        """Signature, delta and patch between named files."""
        sign.run("-f", *buffers, "signature", *options, "old", "signature", cwd=self.path).done()
        delta.run("-f", *buffers, "delta", "signature", "new", "delta", cwd=self.path).done()
        patch.run("-f", *buffers, "patch", "old", "delta", "out", cwd=self.path).done()
        assert (self.path / "out").read_bytes() == self.new


@pytest.mark.parametrize("options", SIGNATURE_OPTIONS, ids=" ".join)
def test_every_input_to_every_other(one: Tool, tmp_path: Path, options: list[str]) -> None:
    files = list(inputs().values())
    for old, new in itertools.pairwise([*files, *files[::-2], files[0]]):
        Folder(tmp_path, old, new).cycle(one, one, one, *options)


@pytest.mark.parametrize("mix", list(itertools.product(PROGRAMS, repeat=3)), ids="-".join)
def test_each_step_by_any_program(request: pytest.FixtureRequest, tmp_path: Path, mix: tuple[str, str, str]) -> None:
    sign, delta, patch = (program(request, name) for name in mix)
    for make in PAIRS.values():
        Folder(tmp_path, *make(200)).cycle(sign, delta, patch, "-b", "200")


@pytest.mark.parametrize("buffers", BUFFERS, ids=" ".join)
def test_buffers_of_any_size(one: Tool, tmp_path: Path, buffers: list[str]) -> None:
    old = noise(30_000, 5)
    Folder(tmp_path, old, random_edits(old, 20, 6)).cycle(one, one, one, "-b", "300", buffers=tuple(buffers))


def test_a_chain_of_changes(one: Tool, rdiff: Tool, tmp_path: Path) -> None:
    """Each version from the one before, by the deltas alone; every other delta comes from the other program."""
    version = prose(50_000, 3)
    mirror = tmp_path / "mirror"
    mirror.write_bytes(version)
    for number in range(12):
        version = random_edits(version, 4, 100 + number)
        signature = one.run("signature", "-b", "512", mirror).done()
        (tmp_path / "signature").write_bytes(signature)
        delta = (one, rdiff)[number % 2].run("delta", tmp_path / "signature", "-", stdin=version).done()
        mirror.write_bytes(one.run("patch", mirror, "-", stdin=delta).done())
        assert mirror.read_bytes() == version


@pytest.mark.parametrize(
    "mix", [("ours", "ours", "ours"), ("debians",) * 3, ("stock", "ours", "debians")], ids="-".join
)
def test_three_steps_as_one_pipe(request: pytest.FixtureRequest, tmp_path: Path, mix: tuple[str, str, str]) -> None:
    old = noise(400_000, 7)
    new = random_edits(old, 60, 8)
    Folder(tmp_path, old, new)
    sign, delta, patch = (program(request, name).path for name in mix)
    line = 'cd "$1" && "$2" signature old | "$3" delta - new | "$4" patch old - out && cmp out new'
    shell(line, tmp_path, sign, delta, patch).done()


@pytest.mark.skipif(SANITIZED, reason="takes minutes with a sanitizer")
@pytest.mark.parametrize("name", ["ours", "debians"])
def test_files_beyond_4_gib(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    """Sparse ones, with offsets and lengths that need more than 32 bits. cmp is the oracle."""
    tool = program(request, name)
    for file, islands in (("old", (1 << 20, 1 << 32)), ("new", (3 << 20, (1 << 32) + 5))):
        with (tmp_path / file).open("wb") as out:
            for at in islands:
                out.seek(at)
                out.write(noise(100_000, at >> 30))
            out.truncate((1 << 32) + (64 << 20))
    tool.run("signature", "-b", "65536", "old", "signature", cwd=tmp_path).done()
    tool.run("delta", "signature", "new", "delta", cwd=tmp_path).done()
    assert (tmp_path / "delta").stat().st_size < 1_000_000
    shell('cd "$1" && "$2" patch old delta - | cmp - new', tmp_path, tool.path).done()


# ---- Texts and statuses ----------------------------------------------------------------------------------------------


def test_help_and_version(one: Tool) -> None:
    for words in (["--help"], ["-?"]):
        text = one.run(*words).done()
        assert text.startswith(b"Usage: rdiff [OPTIONS] signature [BASIS [SIGNATURE]]\n")
        for verb in (b"delta SIGNATURE [NEWFILE [DELTA]]", b"patch BASIS [DELTA [NEWFILE]]"):
            assert verb in text
    for words in (["--version"], ["-V"]):
        text = one.run(*words).done()
        assert text.startswith(b"rdiff (librsync 2.3.2)\n")
        assert b"\nCopyright (C) " in text
        assert b"warranty" in text.lower()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], SYNTAX),
        (["nonsense"], SYNTAX),
        (["--nonsense"], SYNTAX),
        (["delta"], SYNTAX),
        (["patch"], SYNTAX),
        (["signature", "old", "out", "more"], SYNTAX),
        (["signature", "missing", "out"], FAILED),
        (["signature", "old", "new"], FAILED),
        (["delta", "missing", "new", "out"], FAILED),
        (["delta", "signature", "missing", "out"], FAILED),
        (["patch", "missing", "delta", "out"], FAILED),
        (["patch", "old", "missing", "out"], FAILED),
        (["-f", "patch", "old", "missing", "new"], FAILED),
        (["-f", "delta", "missing", "new", "signature"], FAILED),
        (["delta", "garbage", "new", "out"], MAGIC),
        (["patch", "old", "signature", "out"], MAGIC),
        (["delta", "empty", "new", "out"], ENDED),
        (["patch", "old", "empty", "out"], ENDED),
        (["patch", "empty", "delta", "out"], ENDED),
        (["patch", "old", "corrupt", "out"], CORRUPT),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_failures_have_their_status_and_spare_every_file(
    one: Tool, rdiff: Tool, tmp_path: Path, words: list[str], status: int
) -> None:
    old = noise(9_000, 9)
    Folder(tmp_path, old, old[:3_000] + noise(500, 10) + old[4_000:])
    rdiff.run("signature", "-b", "512", "old", "signature", cwd=tmp_path).done()
    rdiff.run("delta", "signature", "new", "delta", cwd=tmp_path).done()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "garbage").write_bytes(b"none\x00\x00\x02\x00\x00\x00\x00\x08")
    (tmp_path / "corrupt").write_bytes(b"rs\x026\xff\x00")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    result = one.run(*words, cwd=tmp_path)
    assert result.status == status, result.describe()
    assert result.err
    for name, content in before.items():
        assert (tmp_path / name).read_bytes() == content
