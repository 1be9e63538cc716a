"""`sync` with a file on another machine: both directions, every option, and all that can go wrong on the way.

The other machine is another directory of this one: the remote shell is a script that leads there.
"""

from __future__ import annotations

import os
import shlex
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from helpers import processes
from helpers.remote import REPLY, REQUEST, STATUS, Elsewhere, answer, message, records_of, said, state
from helpers.samples import noise, prose, random_edits
from helpers.tool import HANG_SECONDS, Argument, ErrorLine, Tool, plain_environment

OLD = noise(300_000, 1)
NEW = random_edits(OLD, 20, 2)
BOTH = ("push", "pull")
direction = pytest.mark.parametrize("direction", BOTH)


@pytest.fixture
def pair(redelta: Tool, tmp_path: Path) -> Elsewhere:
    return Elsewhere(redelta, tmp_path)


class Way:
    """A direction, with both files in their places: `source` is read, `destination` is written."""

    def __init__(self, pair: Elsewhere, direction: str, old: bytes | None = OLD, new: bytes = NEW) -> None:
        source, destination = (pair.here, pair.there) if direction == "push" else (pair.there, pair.here)
        self.source, self.destination = source / "new", destination / "old"
        self.source.write_bytes(new)
        if old is not None:
            self.destination.write_bytes(old)
        self.words: list[Argument] = ["new", "host:old"] if direction == "push" else ["host:new", "old"]


# ---- What it does ---------------------------------------------------------------------------------------------------


@direction
@pytest.mark.parametrize(
    "new", [NEW, OLD[:-1] + b"x", b"", b"x", OLD + b"x", prose(500_000, 3), OLD * 4, bytes(3_000_000)]
)
@pytest.mark.parametrize("old", [OLD, b"", None])
def test_the_old_file_becomes_the_new_one(pair: Elsewhere, direction: str, old: bytes | None, new: bytes) -> None:
    way = Way(pair, direction, old, new)
    result = pair.sync(*way.words)
    line = said(result.done())
    assert (line.what, line.size) == ("created" if old is None else "unchanged" if old == new else "updated", len(new))
    assert line.name == str(way.words[1])
    assert result.err == b""
    assert way.destination.read_bytes() == way.source.read_bytes() == new
    assert os.listdir(way.destination.parent) == ["old"]
    assert os.listdir(way.source.parent) == ["new"]


@direction
def test_equal_files_are_left_alone_at_the_cost_of_some_bytes(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction, NEW, NEW)
    before = state(pair.here), state(pair.there)
    record = pair.record(*way.words)
    assert record["identical"] is True
    assert record["connection"]["sent"] + record["connection"]["received"] <= 250
    assert pair.sync("--exit-code", *way.words).status == 5
    assert (state(pair.here), state(pair.there)) == before


@direction
def test_modes_and_links(pair: Elsewhere, direction: str) -> None:
    """An old file keeps its mode; a new one gets that of the source, as far as the umask lets it."""
    way = Way(pair, direction)
    way.source.chmod(0o741)
    way.destination.chmod(0o604)
    pair.sync(*way.words).done()
    assert stat.S_IMODE(way.destination.stat().st_mode) == 0o604
    way.destination.unlink()
    pair.sync(*way.words).done()
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(way.destination.stat().st_mode) == 0o741 & ~umask
    way.destination.unlink()
    way.destination.symlink_to("nowhere")
    assert said(pair.sync(*way.words).done()).what == "created"
    assert not way.destination.is_symlink()


@direction
@pytest.mark.parametrize("follow", [False, True])
def test_a_link_is_replaced_or_followed(pair: Elsewhere, direction: str, follow: bool) -> None:
    way = Way(pair, direction)
    target = way.destination.parent / "folder" / "target"
    target.parent.mkdir()
    way.destination.rename(target)
    way.destination.symlink_to("folder/target")
    pair.sync(*way.words, *(["--follow"] if follow else [])).done()
    assert way.destination.is_symlink() == follow
    assert way.destination.read_bytes() == NEW
    assert target.read_bytes() == (NEW if follow else OLD)


@direction
@pytest.mark.parametrize("same", [False, True])
def test_times(pair: Elsewhere, direction: str, same: bool) -> None:
    way = Way(pair, direction, NEW if same else OLD)
    os.utime(way.source, ns=(0, 1_234_567_890_123_456_789))
    pair.sync("-n", "-t", *way.words).done()
    if same:
        pair.sync(*way.words).done()
    assert way.destination.stat().st_mtime_ns != way.source.stat().st_mtime_ns
    pair.sync("-t", *way.words).done()
    assert way.destination.stat().st_mtime_ns == way.source.stat().st_mtime_ns


@direction
@pytest.mark.parametrize(("option", "suffix"), [("--backup", "~"), ("--backup=.old", ".old")])
def test_backups(pair: Elsewhere, direction: str, option: str, suffix: str) -> None:
    way = Way(pair, direction)
    pair.sync(option, *way.words).done()
    assert way.destination.with_name("old" + suffix).read_bytes() == OLD
    assert way.destination.read_bytes() == NEW


@direction
@pytest.mark.parametrize("old", [OLD, None, NEW])
def test_a_dry_run_says_what_the_run_would_do_and_changes_nothing(
    pair: Elsewhere, direction: str, old: bytes | None
) -> None:
    way = Way(pair, direction, old)
    before = state(pair.here), state(pair.there)
    dry = said(pair.sync("-n", *way.words).done())
    record = pair.record("-n", *way.words)
    assert (state(pair.here), state(pair.there)) == before
    wet = said(pair.sync(*way.words).done())
    assert dry.what.removeprefix("would be ") == wet.what
    assert dry.size == wet.size == len(NEW)
    assert dry.sent + dry.received == pytest.approx(
        wet.sent + wet.received, rel=0.5, abs=5000
    )  # chance decides what is found
    assert record["dry_run"] is True
    assert record["created"] == (old is None)


@direction
@pytest.mark.parametrize("options", [["-z"], ["-z19"], ["-T1"], ["--max-rounds=2"], ["--accept-changed"],
                                     ["--sparse=always"], ["--sparse", "never"], ["--limit-rate=10M"]])  # fmt: skip
def test_options_that_change_how(pair: Elsewhere, direction: str, options: list[str]) -> None:
    way = Way(pair, direction)
    pair.sync(*options, *way.words).done()
    assert way.destination.read_bytes() == NEW


@direction
def test_holes(pair: Elsewhere, direction: str) -> None:
    size = 8 << 20
    way = Way(pair, direction, b"old", b"")
    way.source.write_bytes(noise(10_000, 1) + bytes(size))
    for choice in ("always", "never"):
        way.destination.write_bytes(b"old")
        pair.sync(f"--sparse={choice}", *way.words).done()
        assert way.destination.read_bytes() == way.source.read_bytes()
        if os.statvfs(way.destination).f_bsize > 0 and choice == "always":
            assert way.destination.stat().st_blocks * 512 < size // 2


@direction
def test_a_new_file_has_the_holes_of_the_source(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction, None)
    with way.source.open("wb") as source:
        source.write(noise(10_000, 2))
        source.truncate(8 << 20)
    pair.sync(*way.words).done()
    assert way.destination.read_bytes() == way.source.read_bytes()
    assert way.destination.stat().st_blocks <= way.source.stat().st_blocks + 16


@direction
def test_a_limit_on_the_new_file(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction)
    before = state(pair.here), state(pair.there)
    error = pair.sync(f"--max-output={len(NEW) - 1}", *way.words).fails(3)
    assert "--max-output" in error.advice
    assert (state(pair.here), state(pair.there)) == before
    pair.sync(f"--max-output={len(NEW)}", *way.words).done()


@direction
def test_a_slow_connection_brings_the_same(pair: Elsewhere, direction: str) -> None:
    """Also a rate of a few bytes, of which there are many waits."""
    way = Way(pair, direction, b"old", b"new and short")
    pair.sync("--limit-rate=20K", *way.words).done()
    assert way.destination.read_bytes() == b"new and short"
    pair.sync("--limit-rate=1000", *way.words).done()


def test_standard_input_is_sent_if_it_is_a_file(pair: Elsewhere) -> None:
    Way(pair, "push")
    with (pair.here / "new").open("rb") as stream:
        pair.sync("-", "host:old", stdin=stream).done()
    assert (pair.there / "old").read_bytes() == NEW
    assert "known size" in pair.sync("-", "host:old", stdin=b"piped").fails(2).what


@direction
@pytest.mark.parametrize(
    "name", ["a b", "it's", 'say "so"', "two\nlines", "-n", "--rsh", "$HOME;ls", "a:b", "*", "\\", "ü", "~", "~x", " "]
)
def test_names_of_any_kind(pair: Elsewhere, direction: str, name: str) -> None:
    (pair.here / "local").write_bytes(NEW if direction == "push" else OLD)
    (pair.there / name).write_bytes(OLD if direction == "push" else NEW)
    words = ["local", f"host:{name}"] if direction == "push" else [f"host:{name}", "local"]
    pair.sync("--", *words).done()
    assert (pair.here / "local").read_bytes() == (pair.there / name).read_bytes() == NEW


def test_names_that_are_not_utf_8(pair: Elsewhere) -> None:
    name = b"\xff\xfe"
    (pair.here / "local").write_bytes(NEW)
    pair.sync("local", b"host:" + name).done()
    assert (pair.there / os.fsdecode(name)).read_bytes() == NEW


@pytest.mark.parametrize("name", ["sub/file", "./sub/file", "sub//file", "../there/sub/file"])
def test_directories_there(pair: Elsewhere, name: str) -> None:
    Way(pair, "push")
    (pair.there / "sub").mkdir()
    pair.sync("new", f"host:{name}").done()
    assert (pair.there / "sub/file").read_bytes() == NEW
    pair.sync("new", f"host:{pair.there}/absolute").done()
    assert (pair.there / "absolute").read_bytes() == NEW


def test_the_home_directory_there(pair: Elsewhere) -> None:
    Way(pair, "push")
    (pair.there / "home").mkdir()
    home = shlex.quote(str(pair.there / "home"))
    rsh = pair.script(f'shift; export HOME={home}; cd / && exec sh -c "$*"', "at-home")
    pair.sync("new", "host:~/file", rsh=rsh).done()
    assert (pair.there / "home/file").read_bytes() == NEW


# ---- Which machine --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "host", "path"),
    [("h:f", "h", "f"), ("user@host:f", "user@host", "f"), ("[::1]:f", "::1", "f"), ("host:a:b", "host", "a:b"),
     ("me@[fe80::1]:f", "me@fe80::1", "f"), ("h:[x]:y", "h", "[x]:y"), ("[x:f", "[x", "f"),
     ("a.b-c:/tmp/../f", "a.b-c", "/tmp/../f")],
)  # fmt: skip
def test_the_remote_shell_gets_the_host_and_the_server_the_path(
    pair: Elsewhere, word: str, host: str, path: str
) -> None:
    Way(pair, "push")
    log = pair.there / "log"
    rsh = pair.script(f'printf "%s|" "$@" > {log}; dd bs=9999 count=1 of={log}.data status=none; exit 127', "logging")
    pair.sync("new", word, rsh=rsh, program="prog").fails(7)
    assert log.read_text() == f"{host}|prog serve --stdio|"
    sent = (pair.there / "log.data").read_bytes()
    assert sent[3:5] == bytes([1, REQUEST])
    assert sent[7 : 7 + int.from_bytes(sent[5:7], "big")].endswith(path.encode())


@pytest.mark.parametrize(
    ("rsh", "words"),
    [("{} -p 22", ["-p", "22"]), ("{}  -o 'a b'", ["-o", "a b"]), ('{} "it\'s" x', ["it's", "x"]),
     ("{} 'it''s'", ["it's"]), ('{} a"b c"d', ["ab cd"]), (" {} ''", [""])],
)  # fmt: skip
def test_the_remote_shell_may_have_words(pair: Elsewhere, rsh: str, words: list[str]) -> None:
    Way(pair, "push")
    log = pair.there / "log"
    script = pair.script(f'printf "%s|" "$@" > {log}; exit 127', "logging")
    pair.redelta.run("sync", f"--rsh={rsh.format(script)}", "new", "h:f", cwd=pair.here).fails(7)
    assert log.read_text() == "".join(f"{word}|" for word in [*words, "h", "redelta serve --stdio"])


def test_the_remote_shell_of_the_environment(pair: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    Way(pair, "push")
    monkeypatch.setenv("REDELTA_RSH", str(pair.shell))
    words: list[Argument] = [f"--remote-program={shlex.quote(str(pair.redelta.path))}", "new", "host:old"]
    pair.redelta.run("sync", *words, cwd=pair.here).done()
    assert (pair.there / "old").read_bytes() == NEW
    pair.redelta.run("sync", "--rsh=false", *words, cwd=pair.here).fails(7)
    monkeypatch.setenv("REDELTA_RSH", "")
    assert "REDELTA_RSH" in plain_environment()
    (pair.here / "ssh").write_text(f'#!/bin/sh\nexec {pair.shell} "$@"\n')
    (pair.here / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{pair.here}:{os.environ['PATH']}")
    assert said(pair.redelta.run("sync", *words, cwd=pair.here).done()).what == "unchanged"


@pytest.mark.parametrize(
    ("words", "what"),
    [(["h:new", "h:old"], "and so is the source"), (["new", "-oProxyCommand=x:old"], "begins with a dash"),
     (["new", "me@-x:old"], "begins with a dash"), (["new", "h:"], "names no file"), (["h:", "old"], "names no file"),
     (["new", "rsync://host/x"], "is a URL"), (["h:new", "-"], "cannot be replaced"), (["new", "[]:old"], "no name"),
     (["new", ":old"], "has no host"), ([":new", "old"], "has no host"), (["new", ":"], "has no host"),
     (["new", "h" * 2000 + ":old"], "too long"), (["new", "h:" + "p" * 5000], "too long")],
)  # fmt: skip
def test_names_that_are_refused(pair: Elsewhere, words: list[str], what: str) -> None:
    Way(pair, "push")
    before = state(pair.here), state(pair.there)
    assert what in pair.sync("--", *words).fails(2).what
    assert (state(pair.here), state(pair.there)) == before


def test_a_name_that_ends_with_a_colon_is_quoted(pair: Elsewhere) -> None:
    Way(pair, "push")
    assert b"redelta: sync: 'h:': names no file; " in pair.sync("new", "h:").err
    assert b"redelta: sync: h:x: is on another machine, " in pair.sync("h:", "h:x").err


@pytest.mark.parametrize(
    ("option", "said"),
    [("--rsh=", "needs a value"), ("--rsh=  ", "needs a value"), ("--remote-program=", "needs a value"),
     ("--limit-rate=0", "is not a whole number from 1"), ("--limit-rate=fast", "is not a whole number"),
     ("--max-rounds=0", "is not a whole number from 1 to 255"), ("--max-rounds=256", "from 1 to 255"),
     ("-b512", "cannot be combined with a file on another machine")],
)  # fmt: skip
def test_values_that_are_refused(pair: Elsewhere, option: str, said: str) -> None:
    assert said in pair.sync("new", "h:old").describe() or said in pair.sync(option, "new", "h:old").refuses()


@pytest.mark.parametrize("option", ["--rsh=x", "--remote-program=x", "--limit-rate=1", "--max-rounds=1", "--partial"])
def test_options_of_other_machines_are_refused_for_local_files(pair: Elsewhere, option: str) -> None:
    Way(pair, "push")
    line = pair.redelta.run("sync", option, "new", "copy", cwd=pair.here).refuses()
    assert "cannot be combined with two local files" in line


@pytest.mark.parametrize("rsh", ["ssh 'x", '"'])
def test_a_remote_shell_that_lacks_a_quote_is_refused(pair: Elsewhere, rsh: str) -> None:
    Way(pair, "push")
    error = pair.redelta.run("sync", f"--rsh={rsh}", "new", "h:old", cwd=pair.here).fails(2)
    assert "lacks a quote" in error.what


# ---- What it says ---------------------------------------------------------------------------------------------------


@direction
def test_quiet_says_nothing(pair: Elsewhere, direction: str) -> None:
    result = pair.sync("-q", *Way(pair, direction).words)
    assert (result.done(), result.err) == (b"", b"")


@pytest.mark.parametrize("words", [["new", "old"], ["new", "host:old"], ["host:new", "old"]])
@pytest.mark.parametrize("option", [None, "--json=/dev/full"])
def test_what_was_done_is_told_if_nobody_reads_the_result(
    pair: Elsewhere, words: list[str], option: str | None
) -> None:
    for place in (pair.here, pair.there):
        (place / "new").write_bytes(NEW)
        (place / "old").write_bytes(OLD)
    full = "standard output" if option is None else "/dev/full"
    command = pair.words(*words) if "host" in str(words) else ["sync", *words]
    extra = [] if option is None else ["-q", option]
    for advice in ("the file was replaced", "the file was identical, and is left as it is", "the file was created"):
        if "created" in advice:
            for place in (pair.here, pair.there):
                (place / "old").unlink()
        with open("/dev/full" if option is None else os.devnull, "wb") as out:
            error = pair.redelta.run(*command, *extra, stdout=out, cwd=pair.here).fails(1)
        assert (error.file, error.advice) == (full, advice)
        assert NEW in [path.read_bytes() for path in (pair.here / "old", pair.there / "old") if path.exists()]


@direction
def test_statistics_and_announcement(pair: Elsewhere, direction: str) -> None:
    result = pair.sync("-s", "-v", *Way(pair, direction).words)
    said(result.done())
    text = result.err.decode()
    assert f"running {pair.shell}" in text
    for word in ("new file", "sent", "received", "known", "literal", "round trips", "time"):
        assert word in text, word


@direction
def test_progress(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction)
    text = pair.sync("--progress", *way.words).err.decode()
    assert "known" in text
    assert "travelled" in text
    record = records_of(pair.sync("--progress", "--json", *way.words).done())[0]
    assert record["type"] == "progress"
    assert {"known", "travelled"} <= set(record)


@direction
def test_records(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction)
    record = pair.record(*way.words)
    assert record["files"]["new"] == {"name": str(way.words[0]), "size": len(NEW)}
    assert record["files"]["old"]["name"] == str(way.words[1])
    assert (record["identical"], record["created"], record["dry_run"]) == (False, False, False)
    travelled = record["connection"]["sent"] + record["connection"]["received"]
    assert record["saved"] == pytest.approx(1 - travelled / len(NEW))


@direction
def test_records_of_failures(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction)
    result = pair.sync("--json", *way.words, rsh=pair.script("exit 127", "failing"))
    (record,) = records_of(result.out)
    assert (result.status, record["status"], record["verb"]) == (7, 7, "sync")
    assert record["name"] in way.words
    result = pair.sync("--json", *way.words, rsh=pair.speaker(b"\xff\x1b"))
    (record,) = records_of(result.out)
    assert record["result"] == "RD_E_MAGIC"
    assert "\\377\\033" in record["message"]


def counting(pair: Elsewhere) -> Path:
    """A remote shell that keeps what travels, in `counted.to` and `counted.from`."""
    log = pair.here.parent / "counted"
    there = shlex.quote(str(pair.there))
    return pair.script(f'shift; cd {there}; tee {log}.to | sh -c "$*" | tee {log}.from', "counting")


def wait_for_bytes(pair: Elsewhere, direction: str, count: int) -> None:
    """Until so many have travelled from the sender to the receiver, which has opened its files before."""
    log = pair.here.parent / f"counted.{'to' if direction == 'push' else 'from'}"
    wait_for(log)
    processes.wait_for(lambda: log.stat().st_size >= count)


@direction
def test_what_travels_is_counted_on_the_pipe(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction)
    record = pair.record(*way.words, rsh=counting(pair))
    counts = [(pair.here.parent / f"counted.{end}").stat().st_size for end in ("to", "from")]
    assert [record["connection"]["sent"], record["connection"]["received"]] == counts


def test_what_the_remote_shell_says_reaches_the_user(pair: Elsewhere) -> None:
    Way(pair, "push")
    rsh = pair.script(f'echo "a warning of ssh" >&2; exec {pair.shell} "$@"', "warning")
    assert pair.sync("new", "h:old", rsh=rsh).err == b"a warning of ssh\n"


# ---- What can be wrong ----------------------------------------------------------------------------------------------


def check_untouched(
    pair: Elsewhere, *words: Argument, status: int, rsh: Path | None = None, program: str | None = None
) -> ErrorLine:
    """It fails with this status in one line, and both sides are as before."""
    before = state(pair.here), state(pair.there)
    error = pair.sync(*words, rsh=rsh, program=program).fails(status)
    assert (state(pair.here), state(pair.there)) == before
    return error


@direction
@pytest.mark.parametrize("program", ["/nowhere/redelta", "no-such-program"])
def test_a_machine_without_redelta(pair: Elsewhere, direction: str, program: str) -> None:
    way = Way(pair, direction)
    before = state(pair.here), state(pair.there)
    result = pair.sync(*way.words, program=f"{program} 2> /dev/null; exit $?; :")
    error = result.fails(7)
    assert "there is no redelta on the other machine" in error.what
    assert "--remote-program" in error.advice
    assert (state(pair.here), state(pair.there)) == before


@direction
@pytest.mark.parametrize(
    ("script", "what"),
    [("exit 127", "no redelta"), ("exit 126", "cannot be run"), ("exit 255", "no connection could be made"),
     ("exit 3", "ended before it answered, with status 3"), ("exit 2", "with status 2"), ("exit 0", "with status 0"),
     ("kill -9 $$", "with status 137"), ("exec 0<&-; sleep 0.2; exit 255", "no connection")],
)  # fmt: skip
def test_a_remote_shell_that_fails(pair: Elsewhere, direction: str, script: str, what: str) -> None:
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=pair.script(script, "failing"))
    assert what in error.what
    assert error.file.startswith("host:")


@direction
def test_a_remote_shell_that_is_not_there(pair: Elsewhere, direction: str) -> None:
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=Path("/nowhere/ssh"))
    assert "'/nowhere/ssh' cannot be started" in error.what
    assert "--rsh" in error.advice


@direction
@pytest.mark.parametrize("banner", [b"Welcome!\n", b"r", b"\x1b[2J\xff\x00rdc", b"rd", b"SSH-2.0-x\r\n" * 1000])
def test_a_banner_is_shown_without_its_control_characters(pair: Elsewhere, direction: str, banner: bytes) -> None:
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=pair.speaker(banner))
    assert "did not begin with redelta's protocol" in error.what
    assert "start-up file" in error.advice
    assert len(error.what) < 400
    assert "\x1b" not in error.what


@direction
def test_a_start_up_file_that_prints(pair: Elsewhere, direction: str) -> None:
    program = f"echo 'Good morning'; {shlex.quote(str(pair.redelta.path))}"
    error = check_untouched(pair, *Way(pair, direction).words, status=7, program=program)
    assert "Good morning\\n" in error.what


@direction
@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version(pair: Elsewhere, direction: str, version: int) -> None:
    rsh = pair.speaker(message(REPLY, b"whatever", version))
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=rsh)
    assert f"speaks version {version} of the protocol, and this one version 1" in error.what


@direction
@pytest.mark.parametrize(
    "data",
    [message(REPLY, b""), message(REPLY, b"\0\0\0"), message(STATUS, bytes(4)), message(9, bytes(4)),
     message(REPLY, b"\1\0\0\0"), message(REPLY, b"\0\xff\0\0"), message(REPLY, b"\2\0\0\0a\0b"),
     message(REPLY, bytes(4) + b"x" * 1001), b"rdc\1\2\xff\xff" + bytes(70_000)],
    ids=["empty", "short", "status", "kind", "result", "flags", "zero", "long", "huge"],
)  # fmt: skip
def test_answers_that_break_the_rules(pair: Elsewhere, direction: str, data: bytes) -> None:
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=pair.speaker(data))
    assert "is not the protocol" in error.what


@direction
def test_an_answer_that_is_cut(pair: Elsewhere, direction: str) -> None:
    whole = answer(REPLY, 2, text=b"why")
    for length in range(3, len(whole)):
        error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=pair.speaker(whole[:length]))
        assert "protocol" in error.what


@direction
@pytest.mark.parametrize(("result", "status"), [(2, 1), (4, 2), (9, 1), (8, 3), (12, 4), (14, 6), (15, 1), (200, 1)])
def test_a_refusal_is_told_with_the_text_and_its_status(
    pair: Elsewhere, direction: str, result: int, status: int
) -> None:
    text = "geht nicht: \x1b[1mnein\u202e".encode() + b"\xff"
    rsh = pair.speaker(answer(REPLY, result, text=text))
    error = check_untouched(pair, *Way(pair, direction).words, status=status, rsh=rsh)
    assert error.what.startswith("geht nicht: ?[1mnein???")
    assert error.file.startswith("host:")


@direction
@pytest.mark.parametrize(("result", "status"), [(2, 1), (4, 2), (8, 3), (12, 4), (14, 6)])
def test_the_advice_of_the_other_side_is_shown(pair: Elsewhere, direction: str, result: int, status: int) -> None:
    rsh = pair.speaker(answer(REPLY, result, text=b"is wrong: it is; ask \x1b; or not"))
    error = check_untouched(pair, *Way(pair, direction).words, status=status, rsh=rsh)
    assert (error.what, error.advice) == ("is wrong: it is", "ask ?; or not")


@direction
@pytest.mark.parametrize("partial", [False, True], ids=["", "partial"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_server_that_is_ended_in_the_middle(pair: Elsewhere, direction: str, partial: bool, number: int) -> None:
    """It says so if it can. Nothing was replaced, as not all of the file had been sent."""
    way = Way(pair, direction, OLD, noise(12_000_000, 7))
    pid = pair.here.parent / "pid"
    there = shlex.quote(str(pair.there))
    log = pair.here.parent / "counted"
    text = f"""
shift; cd {there}; mkfifo {log}.up {log}.down; exec 3<&0
tee {log}.to <&3 >{log}.up & tee {log}.from <{log}.down &
exec 3<&- sh -c "echo \\$\\$ > {pid}; exec $*" <{log}.up >{log}.down"""
    options = ["--limit-rate=2M", *(["--partial"] if partial else [])]
    with pair.start(*options, *way.words, rsh=pair.script(text, "noting")) as process:
        wait_for_bytes(pair, direction, 200_000)
        os.kill(int(pid.read_text()), number)
        assert process.stderr is not None
        err = process.stderr.read().decode()
        assert process.wait(HANG_SECONDS) == 7, err
    assert ("redelta there was ended by a signal; " in err) == (number != signal.SIGKILL)
    again = "run it again: with --partial, it looks for what arrived" if partial else "run it again"
    assert err.endswith(f"; nothing was replaced; {again}\n")
    assert way.destination.read_bytes() == OLD


@direction
@pytest.mark.parametrize("kind", [5, 6, 7])
def test_a_server_that_does_not_understand(pair: Elsewhere, direction: str, kind: int) -> None:
    rsh = pair.speaker(answer(REPLY, kind, text=b"the request breaks the rules"))
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=rsh)
    assert ("the request breaks the rules" in error.what) == (kind != 6)


@direction
def test_a_remote_shell_that_does_not_end_is_ended(pair: Elsewhere, direction: str) -> None:
    error = check_untouched(
        pair, *Way(pair, direction).words, status=7, rsh=pair.script("exec 1>&-; exec sleep 1000", "lasting")
    )
    assert "with status 143" in error.what


@direction
def test_a_remote_shell_that_lasts_is_left_after_the_work(pair: Elsewhere, direction: str) -> None:
    """As an ssh that carries other connections."""
    way = Way(pair, direction)
    pid = pair.here.parent / "pid"
    rsh = pair.script(f'{pair.shell} "$@"; echo $$ > {pid}; exec <&- >&- 2>&-; exec sleep 1000', "lasting")
    pair.sync(*way.words, rsh=rsh).done()
    os.kill(int(pid.read_text()), signal.SIGTERM)
    assert way.destination.read_bytes() == NEW


@direction
@pytest.mark.parametrize("seed", range(5))
def test_noise_instead_of_a_session(pair: Elsewhere, direction: str, seed: int) -> None:
    rsh = pair.speaker(answer(REPLY), noise(100_000, seed))
    check_untouched(pair, *Way(pair, direction).words, status=7, rsh=rsh)


@direction
def test_silence_instead_of_a_session(pair: Elsewhere, direction: str) -> None:
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=pair.speaker(answer(REPLY)))
    assert "the connection broke" in error.what
    error = check_untouched(pair, *Way(pair, direction).words, status=7, rsh=pair.speaker(answer(REPLY), status=9))
    assert "status 9" in error.what


@pytest.mark.parametrize(
    ("words", "status"),
    [(["new", "h:none/old"], 1), (["new", "h:."], 1), (["new", "h:folder"], 1), (["new", "h:fifo"], 2),
     (["h:none", "old"], 1), (["h:folder", "old"], 1), (["h:fifo", "old"], 2), (["none", "h:old"], 1),
     (["folder", "h:old"], 1), (["fifo", "h:old"], 2), (["h:new", "none/old"], 1), (["h:new", "folder"], 1),
     (["h:new", "fifo"], 2), (["new", "h:new/old"], 1), (["h:new", "new/old"], 1),
     (["/dev/null", "h:old"], 2), (["h:/dev/zero", "old"], 2), (["h:new", "/dev/null"], 2)],
)  # fmt: skip
def test_what_is_no_file_is_refused_on_either_side(pair: Elsewhere, words: list[str], status: int) -> None:
    for place in (pair.here, pair.there):
        (place / "new").write_bytes(NEW)
        (place / "old").write_bytes(OLD)
        (place / "folder").mkdir()
        os.mkfifo(place / "fifo")
    error = check_untouched(pair, *words, status=status)
    assert error.file in words
    assert (error.file == words[0]) == (words[0] not in ("new", "h:new"))


@pytest.mark.parametrize("words", [["new", "folder"], ["new", "h:folder"], ["new", "h:folder/"], ["h:new", "folder"]])
def test_a_directory_as_the_destination_is_told_from_a_file_that_cannot_be_read(
    pair: Elsewhere, words: list[str]
) -> None:
    for place in (pair.here, pair.there):
        (place / "new").write_bytes(NEW)
        (place / "folder").mkdir()
    command = ["sync", *words] if words == ["new", "folder"] else pair.words(*words)
    error = pair.redelta.run(*command, cwd=pair.here).fails(1)
    assert error.file == words[1]
    assert error.what == "cannot be replaced: Is a directory"
    assert "DIRECTORY/NAME" in error.advice
    assert os.listdir(pair.here / "folder") == os.listdir(pair.there / "folder") == []


def test_a_source_that_has_no_time(pair: Elsewhere, places: object) -> None:
    del places
    Way(pair, "push")
    assert "known size" in pair.sync("-t", "-", "h:old", stdin=b"x").fails(2).what


@direction
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_permissions(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction)
    way.source.chmod(0)
    assert "Permission denied" in pair.sync(*way.words).fails(1).what


def test_words_that_are_too_long(pair: Elsewhere) -> None:
    way = Way(pair, "push")
    check_untouched(pair, f"--backup={'x' * 300}", *way.words, status=2)
    check_untouched(pair, *way.words, status=2, program="x" * 2000)


# ---- Connections that break -----------------------------------------------------------------------------------------


def cutting(pair: Elsewhere, direction: str, count: int) -> Path:
    """A remote shell whose connection breaks after so many bytes from the sender to the receiver."""
    return pair.cutting(count, -1) if direction == "push" else pair.cutting(-1, count)


@direction
@pytest.mark.parametrize("where", ["to", "from"])
def test_a_connection_that_breaks_anywhere(pair: Elsewhere, direction: str, where: str) -> None:
    """Within the first messages, in the middle, and just before the end."""
    new = OLD[:150_000] + noise(60_000, 5) + OLD[150_000:]
    way = Way(pair, direction, OLD, new)
    line = said(pair.sync("-n", *way.words).done())
    total = line.sent if where == "to" else line.received
    for count in sorted({*range(1, min(total, 60), 7), *range(60, total, total // 12 + 1), total - 1}):
        rsh = pair.cutting(count, -1) if where == "to" else pair.cutting(-1, count)
        before = state(pair.here), state(pair.there)
        result = pair.sync(*way.words, rsh=rsh)
        if result.status == 0:
            assert way.destination.read_bytes() == new
            way.destination.write_bytes(OLD)
            continue
        error = result.fails(7)
        if way.destination.read_bytes() == OLD:
            assert (state(pair.here), state(pair.there)) == before
        else:  # the client did not hear of it any more
            assert way.destination.read_bytes() == new
            assert direction == "push"
            assert "is not known" in error.advice
            way.destination.write_bytes(OLD)


@direction
def test_what_arrived_is_kept_and_the_next_run_goes_on(pair: Elsewhere, direction: str) -> None:
    new = noise(20_000_000, 7)
    way = Way(pair, direction, OLD, new)
    partial = way.destination.with_name(".old.redelta-partial")
    count = 15_000_000
    rsh = cutting(pair, direction, count)
    error = pair.sync("--partial", *way.words, rsh=rsh).fails(7)
    assert error.advice.endswith("run it again: with --partial, it looks for what arrived")
    assert way.destination.read_bytes() == OLD
    kept = partial.read_bytes()
    assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert 8_000_000 < len(kept) <= count
    assert new.startswith(kept)
    pair.sync("--partial", *way.words, rsh=cutting(pair, direction, 2_000)).fails(7)
    assert partial.read_bytes() == kept
    line = said(pair.sync("--partial", *way.words).done())
    assert line.what == "updated"
    assert line.sent + line.received < len(new) - len(kept) + 300_000
    assert way.destination.read_bytes() == new
    assert not partial.exists()


@direction
@pytest.mark.parametrize("old", [None, b"", NEW[:10]], ids=["none", "empty", "a start"])
@pytest.mark.parametrize("dry", [(), ("-n",)], ids=["", "dry"])
def test_what_arrived_was_all_of_it(pair: Elsewhere, direction: str, old: bytes | None, dry: tuple[str, ...]) -> None:
    """The old file and what is kept are the new file together: it has to be written all the same."""
    way = Way(pair, direction, old, NEW)
    partial = way.destination.with_name(".old.redelta-partial")
    partial.write_bytes(NEW[len(old or b"") :])
    line = said(pair.sync("--partial", *dry, *way.words).done())
    assert line.what == ("would be " if dry else "") + ("created" if old is None else "updated")
    assert partial.exists() == bool(dry)
    if not dry:
        assert way.destination.read_bytes() == NEW


@direction
@pytest.mark.parametrize("old", [OLD, None, NEW], ids=["other", "none", "same"])
def test_what_is_left_of_an_earlier_run_is_told(pair: Elsewhere, direction: str, old: bytes | None) -> None:
    way = Way(pair, direction, old)
    partial = way.destination.with_name(".old.redelta-partial")
    partial.write_bytes(NEW[:10])
    result = pair.sync(*way.words)
    result.done()
    assert result.err.decode() == (
        f"redelta: sync: {way.words[1]!s}: warning: what arrived in an earlier run is still beside it,"
        " as .NAME.redelta-partial; --partial uses and removes it\n"
    )
    assert partial.read_bytes() == NEW[:10]
    assert way.destination.read_bytes() == NEW
    assert pair.sync("-q", *way.words).err == b""
    assert pair.sync("--partial", *way.words).err == b""
    assert not partial.exists()
    assert pair.sync(*way.words).err == b""


def test_a_warning_of_the_other_side_is_shown_without_its_control_characters(pair: Elsewhere) -> None:
    """A text in the answer of a server that has succeeded, which is cut off here and replaced by another."""
    Way(pair, "push")
    edit = pair.here.parent / "edit.py"
    edit.write_text(
        "import subprocess, sys\n"
        "line = ['sh', '-c', sys.argv[1]]\n"
        "out = subprocess.run(line, stdin=0, stdout=subprocess.PIPE, check=False).stdout\n"
        f"sys.stdout.buffer.write(out[:-{len(answer(STATUS))}] + {answer(STATUS, text=b'look out' + bytes([27]))!r})\n"
    )
    rsh = pair.script(f'shift; cd {shlex.quote(str(pair.there))}; exec {sys.executable} {edit} "$*"', "editing")
    (pair.there / "old").write_bytes(NEW)
    # The sender of an equal file has nothing to wait for but the answers.
    assert pair.sync("new", "host:old", rsh=rsh).err == b"redelta: sync: host:old: warning: look out?\n"


@direction
def test_nothing_is_kept_unless_it_is_wanted(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction, None, noise(2_000_000, 7))
    rsh = cutting(pair, direction, 1_200_000)
    pair.sync(*way.words, rsh=rsh).fails(7)
    assert os.listdir(way.destination.parent) == []
    pair.sync("-n", "--partial", *way.words, rsh=rsh).fails(7)
    assert os.listdir(way.destination.parent) == []


@direction
def test_a_link_in_the_place_of_what_is_kept_is_not_followed(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction, OLD, noise(2_000_000, 7))
    victim = way.destination.with_name("victim")
    victim.write_bytes(b"precious")
    way.destination.with_name(".old.redelta-partial").symlink_to("victim")
    rsh = cutting(pair, direction, 1_200_000)
    pair.sync("--partial", *way.words, rsh=rsh).fails(7)
    assert victim.read_bytes() == b"precious"


@direction
def test_what_is_no_file_in_the_place_of_what_is_kept(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction)
    os.mkfifo(way.destination.with_name(".old.redelta-partial"))
    pair.sync("--partial", *way.words).done()
    assert way.destination.read_bytes() == NEW


@direction
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_both_sides_and_leaves_the_old_file(
    pair: Elsewhere, direction: str, number: signal.Signals
) -> None:
    way = Way(pair, direction, OLD, noise(5_000_000, 7))
    before = state(pair.here), state(pair.there)
    pid = pair.here.parent / "pid"
    rsh = pair.script(f'echo $$ > {pid}.new; mv {pid}.new {pid}; exec {pair.shell} "$@"', "noting")
    with pair.start("-q", "--limit-rate=300K", *way.words, rsh=rsh) as process:
        wait_for(pid)
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(HANG_SECONDS) == -number
    wait_for_end(int(pid.read_text()))
    assert (state(pair.here), state(pair.there)) == before


def test_a_signal_ends_a_side_that_reads_a_large_file(pair: Elsewhere) -> None:
    """A step of the session reads all of it, which takes longer than anybody waits."""
    way = Way(pair, "push")
    with way.source.open("ab") as file:
        file.truncate(1 << 42)
    pid = pair.here.parent / "pid"
    rsh = pair.script(f'echo $$ > {pid}.new; mv {pid}.new {pid}; exec {pair.shell} "$@"', "noting")
    with pair.start("-q", *way.words, rsh=rsh) as process:
        wait_for(pid)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_SECONDS) == -signal.SIGINT
    assert way.destination.read_bytes() == OLD


def wait_for(path: Path) -> None:
    processes.wait_for(path.exists)


def wait_for_end(pid: int) -> None:
    """Of a process that is no child of this one."""
    processes.wait_for(lambda: not processes.runs(pid))


# ---- Files that change ----------------------------------------------------------------------------------------------


@direction
def test_an_old_file_that_changes_meanwhile_is_not_replaced(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction, OLD, noise(2_000_000, 7))
    with pair.start("--limit-rate=1M", *way.words, rsh=counting(pair)) as process:
        wait_for_bytes(pair, direction, 300_000)
        way.destination.write_bytes(b"somebody else's")
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(HANG_SECONDS) == 4, err
    assert err.endswith(b": was changed by another program meanwhile, so it was not replaced; run it again\n")
    assert way.destination.read_bytes() == b"somebody else's"


@direction
@pytest.mark.parametrize("options", [[], ["--accept-changed"]], ids=["", "accept"])
def test_a_source_that_becomes_shorter_has_changed(pair: Elsewhere, direction: str, options: list[str]) -> None:
    """It is too long to be read at once."""
    way = Way(pair, direction, OLD, noise(30_000_000, 7))
    with pair.start("--limit-rate=8M", *options, *way.words, rsh=counting(pair)) as process:
        wait_for_bytes(pair, direction, 1_000_000)
        os.truncate(way.source, 1_000_000)
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(HANG_SECONDS) == 6, err
    assert err.endswith(b": changed while it was being read; nothing was replaced; run it again\n")
    assert way.destination.read_bytes() == OLD


@direction
def test_a_file_that_appears_meanwhile_is_not_replaced(pair: Elsewhere, direction: str) -> None:
    way = Way(pair, direction, None, noise(2_000_000, 7))
    with pair.start("--limit-rate=1M", *way.words, rsh=counting(pair)) as process:
        wait_for_bytes(pair, direction, 300_000)
        way.destination.write_bytes(b"somebody else's")
        assert process.wait(HANG_SECONDS) in (1, 4)
    assert way.destination.read_bytes() == b"somebody else's"
