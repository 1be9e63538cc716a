"""`serve`: what it answers, what it refuses, and that no path leads out of its root."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from helpers.remote import REPLY, REQUEST, STATUS, Elsewhere, message, reply_of, request, said, serve, state
from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS, SANITIZED, Argument, Tool, plain_environment

OLD = noise(100_000, 1)
NEW = random_edits(OLD, 10, 2)
PUSH = 1
direction = pytest.mark.parametrize("direction", ["push", "pull"])


@pytest.fixture
def pair(redelta: Tool, tmp_path: Path) -> Elsewhere:
    return Elsewhere(redelta, tmp_path)


# ---- Requests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.0\r\n\r\n", bytes(5000), noise(9999, 1)])
def test_what_is_no_request_is_told_to_whoever_started_it(redelta: Tool, tmp_path: Path, data: bytes) -> None:
    result = serve(redelta, data=data, cwd=tmp_path)
    assert (result.status, result.out) == (7, b"")
    assert b"is no request" in result.err


@pytest.mark.parametrize(
    "data",
    [message(REPLY, bytes(20)), message(REQUEST, b""), message(REQUEST, bytes(14)), message(REQUEST, bytes(15)),
     request(b"a\0b"), request(b"f", flags=128), request(b"f", flags=0xFFFF), request(b"f", sparse=3),
     request(b"f", flags=64), request(b"f", suffix=b"~"), request(b"f", flags=64, suffix=b"/x"),
     request(b"f", flags=64, suffix=b"a\0"), message(REQUEST, request(b"")[7:-1] + b"\xff" + b"x" * 100),
     request(b"p" * 4096), b"rdc\1\1\xff\xff" + bytes(70_000), message(REQUEST, request(b"f")[7:], 2)],
    ids=["reply", "empty", "short", "zero", "zeros", "flag", "flags", "sparse", "suffix", "stray", "slash", "nul",
         "beyond", "long", "huge", "version"],
)  # fmt: skip
def test_requests_that_break_the_rules(redelta: Tool, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f").write_bytes(OLD)
    before = state(tmp_path)
    result = serve(redelta, data=data, cwd=tmp_path)
    assert (result.status, result.err) == (7, b"")
    kind, code, text = reply_of(result.out)
    assert kind == REPLY
    assert code != 0
    assert "rules" in text or "version" in text
    assert state(tmp_path) == before


def test_noise_after_the_request(redelta: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(OLD)
    before = state(tmp_path)
    for seed in range(30):
        for flags in (0, PUSH):
            result = serve(redelta, data=request(b"f", flags=flags) + noise(5_000, seed), cwd=tmp_path)
            assert result.status in (1, 3, 4), result.describe()
            assert result.err == b""
            assert reply_of(result.out)[:2] == (REPLY, 0)
            assert bytes([STATUS]) in result.out
    assert state(tmp_path) == before


@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 20])
def test_a_client_that_goes_in_the_middle_of_its_request(redelta: Tool, tmp_path: Path, length: int) -> None:
    result = serve(redelta, data=request(b"f", flags=PUSH)[:length], cwd=tmp_path)
    assert (result.status, result.out, result.err) == (7, b"", b"")


@direction
def test_a_client_that_goes(redelta: Tool, tmp_path: Path, direction: str) -> None:
    (tmp_path / "f").write_bytes(OLD)
    before = state(tmp_path)
    result = serve(redelta, data=request(b"f", flags=PUSH if direction == "push" else 0), cwd=tmp_path)
    assert (result.status, result.err) == (3, b"")
    assert reply_of(result.out)[:2] == (REPLY, 0)
    assert state(tmp_path) == before


@pytest.mark.parametrize("level", [-1, 23, 100, 254])
def test_a_level_that_zstd_does_not_have_is_the_highest(redelta: Tool, tmp_path: Path, level: int) -> None:
    (tmp_path / "f").write_bytes(OLD)
    data = request(b"f", compression=level)
    assert reply_of(serve(redelta, data=data, cwd=tmp_path).out)[:2] == (REPLY, 0)


def test_a_client_that_closes_its_ears(redelta: Tool, tmp_path: Path) -> None:
    """Nothing is said to nobody."""
    (tmp_path / "f").write_bytes(noise(3_000_000, 1))
    words = [str(redelta.path), "serve", "--stdio"]
    with subprocess.Popen(
        words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=plain_environment(),
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(request(b"f"))
        process.stdin.close()
        assert process.wait(HANG_SECONDS) != 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("words", [[], ["--root", "."], ["--read-only"]])
def test_it_must_be_said_how(redelta: Tool, words: list[str]) -> None:
    assert "--stdio must be given" in redelta.run("serve", *words).refuses()


@pytest.mark.parametrize("words", [["file"], ["-s"], ["-v"], ["--root="], ["-z"]])
def test_wrong_command_lines(redelta: Tool, words: list[str]) -> None:
    redelta.run("serve", "--stdio", *words).refuses()


def test_a_terminal_is_no_client(redelta: Tool) -> None:
    main, other = os.openpty()
    try:
        error = redelta.run("serve", "--stdio", stdin=other).fails(2)
    finally:
        os.close(main)
        os.close(other)
    assert "terminal" in error.what


def test_too_little_memory_is_told(redelta: Tool, tmp_path: Path) -> None:
    if SANITIZED:
        pytest.skip("a sanitizer's shadow fits in no limited address space")
    (tmp_path / "f").write_bytes(OLD)
    enough = next(
        size for size in range(4 << 20, 1 << 30, 1 << 20) if redelta.run("--version", memory=size).status == 0
    )
    for size in range(enough, enough + (2 << 20), 256 << 10):
        result = redelta.run("serve", "--stdio", "-T1", stdin=request(b"f", flags=PUSH), cwd=tmp_path, memory=size)
        assert result.status in (1, 3), result.describe()
    assert (tmp_path / "f").read_bytes() == OLD


# ---- What may be done -----------------------------------------------------------------------------------------------


class Served:
    """A pair whose other side has options of its own, as by a forced command of ssh."""

    def __init__(self, pair: Elsewhere, *options: Argument, without: str = "") -> None:
        self.pair = pair
        words = shlex.join(os.fsdecode(word) for word in (pair.redelta.path, "serve", "--stdio", *options))
        self.shell = pair.script(
            f'shift; export SSH_ORIGINAL_COMMAND="$*"; {without} cd {shlex.quote(str(pair.there))} && exec {words}',
            "forced",
        )


@direction
def test_a_forced_command_ignores_what_the_client_wanted_to_run(pair: Elsewhere, direction: str) -> None:
    served = Served(pair, "--root", pair.there)
    (pair.here / "f").write_bytes(NEW)
    (pair.there / "f").write_bytes(OLD)
    words = ["f", "host:f"] if direction == "push" else ["host:f", "f"]
    pair.sync(*words, rsh=served.shell, program="touch /tmp/never; redelta").done()
    assert (pair.here / "f").read_bytes() == (pair.there / "f").read_bytes()


def test_read_only(pair: Elsewhere) -> None:
    served = Served(pair, "--read-only")
    (pair.here / "f").write_bytes(OLD)
    (pair.there / "f").write_bytes(NEW)
    before = state(pair.there)
    error = pair.sync("f", "h:f", rsh=served.shell).fails(2)
    assert (error.what, error.advice) == ("is served for reading only", "only fetch it, or change how it is served")
    for options in ([], ["--times"], ["--partial", "--backup"]):
        dry = said(pair.sync("-n", *options, "f", "h:f", rsh=served.shell).done())
        assert dry.what == "would be updated"
    assert said(pair.sync("-n", "f", "h:g", rsh=served.shell).done()).what == "would be created"
    assert state(pair.there) == before
    pair.sync("h:f", "f", rsh=served.shell).done()
    assert (pair.here / "f").read_bytes() == NEW


def test_a_limit_of_the_server(pair: Elsewhere) -> None:
    served = Served(pair, f"--max-output={len(NEW) - 1}")
    (pair.here / "f").write_bytes(NEW)
    for options in ([], ["--max-output=1G"]):
        error = pair.sync(*options, "f", "h:f", rsh=served.shell).fails(3)
        assert "redelta serve" in error.advice
        assert "raise" not in error.advice
        assert os.listdir(pair.there) == []
    served = Served(pair, f"--max-output={len(NEW)}")
    pair.sync("--max-output=1G", "f", "h:f", rsh=served.shell).done()
    assert "raise --max-output" in pair.sync("--max-output=10", "f", "h:f", rsh=served.shell).fails(3).advice


# ---- The root -------------------------------------------------------------------------------------------------------

NO_OPENAT2 = """
#include <errno.h>
long syscall(long number, ...);
long syscall(long number, ...) { (void)number; errno = ENOSYS; return -1; }
"""


@pytest.fixture(params=["openat2", "walk"])
def without(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Commands of a shell that take the call of the system away, or nothing."""
    if request.param == "openat2":
        return ""
    if SANITIZED:
        pytest.skip("a sanitizer wants to be the first library")
    place = tmp_path_factory.mktemp("preload")
    (place / "none.c").write_text(NO_OPENAT2)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", place / "none.so", place / "none.c"], check=True)
    return f"export LD_PRELOAD={place}/none.so;"


@pytest.fixture
def rooted(pair: Elsewhere, without: str) -> Served:
    """Only `there/root` is served; `there/outside` is not."""
    root = pair.there / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    outside = pair.there / "outside"
    outside.mkdir()
    for folder in (root, root / "sub", root / "sub" / "deep", outside):
        (folder / "f").write_bytes(OLD)
    (pair.here / "f").write_bytes(NEW)
    (root / "out").symlink_to("../outside")
    (root / "absolute").symlink_to(outside)
    (root / "inner").symlink_to("sub/deep")
    (root / "up").symlink_to("sub/../../outside")
    (root / "end").symlink_to("../outside/f")
    (root / "end-inside").symlink_to("f")
    (root / "dangling").symlink_to("../outside/new")
    (root / "null").symlink_to("/dev/null")
    return Served(pair, "--root", root, without=without)


def everything(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file() and not path.is_symlink()}


LEADS_OUT = ["../outside/f", "sub/../../outside/f", "../outside/new", "..", ".", "", "sub/", "sub/..", "/etc/passwd",
             "out/f", "out/new", "absolute/f", "up/f", "end", "end-inside", "dangling", "null", "out/../f",
             "sub/deep/../../../outside/f", "./../outside/f", "f/../../outside/f"]  # fmt: skip


@direction
@pytest.mark.parametrize("path", [path for path in LEADS_OUT if path])
@pytest.mark.parametrize("options", [[], ["--partial", "--backup"], ["-n"]], ids=["plain", "keeping", "dry"])
def test_no_path_leads_out_of_the_root(rooted: Served, direction: str, path: str, options: list[str]) -> None:
    pair = rooted.pair
    before = everything(pair.there), everything(pair.here)
    words = ["f", f"host:{path}"] if direction == "push" else [f"host:{path}", "f"]
    result = pair.sync(*options, *words, rsh=rooted.shell)
    result.fails(2 if result.status == 2 else 1)
    assert (everything(pair.there), everything(pair.here)) == before
    for name in ("end", "end-inside", "dangling", "null"):
        assert (pair.there / "root" / name).is_symlink()


@direction
@pytest.mark.parametrize("path", ["end", "end-inside", "dangling"])
def test_a_link_that_is_the_file_itself_is_called_that(rooted: Served, direction: str, path: str) -> None:
    words = ["f", f"host:{path}"] if direction == "push" else [f"host:{path}", "f"]
    error = rooted.pair.sync(*words, rsh=rooted.shell).fails(2)
    assert error.what == "is a symbolic link, which is not followed there"
    assert error.advice == "name the file that it leads to"


def test_an_absolute_path_is_refused_even_into_the_root(rooted: Served) -> None:
    pair = rooted.pair
    error = pair.sync("f", f"host:{pair.there}/root/f", rsh=rooted.shell).fails(2)
    assert "absolute" in error.what


@direction
@pytest.mark.parametrize("path", ["f", "./f", "sub/f", "sub/deep/f", "sub//deep/./f", "new", "sub/new", "~", "-n"])
def test_what_lies_in_the_root_is_served(rooted: Served, direction: str, path: str) -> None:
    pair = rooted.pair
    file = pair.there / "root" / path
    if direction == "pull":
        file.write_bytes(OLD)
    words = ["f", f"host:{path}"] if direction == "push" else [f"host:{path}", "f"]
    pair.sync("--backup", "--partial", *words, rsh=rooted.shell).done()
    assert (pair.here / "f").read_bytes() == file.read_bytes() == (NEW if direction == "push" else OLD)
    assert (pair.there / "outside/f").read_bytes() == OLD


def test_a_link_to_a_directory_in_the_root_is_followed_where_the_system_can_promise_that(
    rooted: Served, without: str
) -> None:
    pair = rooted.pair
    result = pair.sync("f", "host:inner/f", rsh=rooted.shell)
    if without:
        result.fails(2 if result.status == 2 else 1)
    elif result.status == 0:  # a kernel that has the call
        assert (pair.there / "root/sub/deep/f").read_bytes() == NEW


def test_follow_is_refused_under_a_root(rooted: Served) -> None:
    pair = rooted.pair
    assert "without --follow" in pair.sync("--follow", "f", "host:f", rsh=rooted.shell).fails(2).what
    assert (pair.there / "root/f").read_bytes() == OLD


def test_a_root_that_is_not_there(pair: Elsewhere) -> None:
    (pair.here / "f").write_bytes(NEW)
    for root in (pair.there / "none", pair.here / "f"):
        served = Served(pair, "--root", root)
        assert "cannot be reached" in pair.sync("f", "host:f", rsh=served.shell).fails(1).what


def test_what_is_kept_of_a_broken_connection_is_no_way_out(rooted: Served) -> None:
    """A link has the name under which it would be kept."""
    pair = rooted.pair
    (pair.there / "root/.f.redelta-partial").symlink_to("../outside/f")
    pair.sync("--partial", "f", "host:f", rsh=rooted.shell).done()
    assert (pair.there / "outside/f").read_bytes() == OLD
    assert (pair.there / "root/f").read_bytes() == NEW


def test_the_mode_of_a_new_file(rooted: Served) -> None:
    pair = rooted.pair
    (pair.here / "f").chmod(0o640)
    assert said(pair.sync("f", "host:sub/new", rsh=rooted.shell).done()).what == "created"
    assert stat.S_IMODE((pair.there / "root/sub/new").stat().st_mode) == 0o640
