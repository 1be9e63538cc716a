"""The programs of examples/python, run as their users run them: as processes, on files, over sockets."""

from __future__ import annotations

import fcntl
import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

import redelta
from helpers.examples import EXAMPLES, broken_off, files_in, run, running, travelled
from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS

OLD = noise(300_000, 1)
NEW = random_edits(OLD, 20, 2)
OTHER = noise(300_000, 3)


# The signature of more blocks than memory is allowed for, whose sums are of one byte: 17 bytes for each.
MANY_BLOCKS = redelta.signature(b"", strong_len=1) + bytes(5 * (8 << 20))

# A delta that asks for two GiB of its basis.
GREEDY = b"rs\x026" + struct.pack(">BBQ", 0x48, 0, 2 << 30) + b"\x00"


# ---- HTTP -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the server serves: one file."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "data").write_bytes(OLD)
    return folder


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with running("http_sync.py", "serve", folder) as line:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", line)
        yield line


def request(url: str, method: str, body: bytes | None = None) -> int:
    """The status that a request is answered with."""
    try:
        with urlopen(Request(url, body, method=method), timeout=HANG_SECONDS) as response:
            assert isinstance(response.status, int)
            return response.status
    except HTTPError as error:
        answer = error
    with answer:
        assert b"served" not in answer.read(), "the answer gives a path away"
        return answer.code


def test_http_push_and_pull(tmp_path: Path, folder: Path, url: str) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(NEW)
    assert travelled(run("http_sync.py", "push", mine, f"{url}data").stdout) < len(NEW) // 4
    assert (folder / "data").read_bytes() == NEW
    assert travelled(run("http_sync.py", "push", mine, f"{url}data").stdout) < 100

    theirs = tmp_path / "theirs"
    theirs.write_bytes(OLD)
    assert travelled(run("http_sync.py", "pull", f"{url}data", theirs).stdout) < len(NEW) // 4
    assert theirs.read_bytes() == NEW


def test_http_files_that_are_not_there_yet(tmp_path: Path, folder: Path, url: str) -> None:
    mine = tmp_path / "mine"
    run("http_sync.py", "pull", f"{url}data", mine)
    assert mine.read_bytes() == OLD
    run("http_sync.py", "push", mine, f"{url}more")
    assert (folder / "more").read_bytes() == OLD


def test_http_client_errors(tmp_path: Path, folder: Path, url: str) -> None:
    mine = tmp_path / "mine"
    assert "404" in run("http_sync.py", "pull", f"{url}none", mine, status=1).stderr
    assert "No such file" in run("http_sync.py", "push", mine, f"{url}data", status=1).stderr
    mine.write_bytes(NEW)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "refused" in run("http_sync.py", "pull", f"http://127.0.0.1:{port}/data", mine, status=1).stderr
    assert mine.read_bytes() == NEW
    assert (folder / "data").read_bytes() == OLD
    assert files_in(tmp_path) == ["mine", "served"]


def test_http_strangers(folder: Path, url: str) -> None:
    signature = redelta.signature(OLD)
    delta = redelta.delta(signature, NEW)
    for method, name, body, status in [
        ("PATCH", "data", b"junk", 400),
        ("PATCH", "data", b"", 400),
        ("PATCH", "data", delta[:-1], 400),
        ("PATCH", "data", delta + b"x", 400),
        ("PATCH", "data", signature, 400),
        ("PATCH", "data", redelta.delta(signature, NEW, verify=False), 409),
        ("PATCH", "data", redelta.delta(redelta.signature(OTHER), OTHER[::-1] + OTHER), 409),
        ("PATCH", "data", GREEDY, 413),
        ("PATCH", "..%2Fdata", delta, 404),
        ("PATCH", "../mine", delta, 404),
        ("PATCH", ".hidden", delta, 404),
        ("PATCH", "", delta, 404),
        ("POST", "data", b"junk", 400),
        ("POST", "data", signature[:-1], 400),
        ("POST", "data", delta, 400),
        ("POST", "data", MANY_BLOCKS, 413),
        ("POST", "none", signature, 404),
        ("GET", "../data", None, 404),
        ("PUT", "data", b"", 501),
    ]:
        assert request(url + name, method, body) == status, (method, name, status)
        assert files_in(folder) == ["data"]
        assert (folder / "data").read_bytes() == OLD
    assert request(f"{url}data", "PATCH", delta) == 204
    assert request(f"{url}data", "PATCH", delta) == 409, "a delta is for one basis"
    assert (folder / "data").read_bytes() == NEW


@pytest.mark.parametrize(
    ("headers", "sent", "status"),
    [
        ({}, b"", 411),
        ({"Content-Length": "-1"}, b"", 411),
        ({"Content-Length": str(1 << 60)}, b"", 413),
        ({"Content-Length": "1000"}, b"rs", 400),
    ],
)
def test_http_lengths(folder: Path, url: str, headers: dict[str, str], sent: bytes, status: int) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=HANG_SECONDS)
    connection.putrequest("PATCH", "/data")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(sent)
    connection.sock.shutdown(socket.SHUT_WR)
    assert connection.getresponse().status == status
    connection.close()
    assert (folder / "data").read_bytes() == OLD


def test_http_server_that_breaks_off(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(OLD)
    delta = redelta.delta(redelta.signature(OLD), NEW)
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, str(EXAMPLES / "http_sync.py"), "pull"]
        url = f"http://127.0.0.1:{server.getsockname()[1]}/data"
        with subprocess.Popen([*command, url, str(mine)], stderr=subprocess.PIPE, text=True) as client:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + delta[: len(delta) // 2])
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass
            _, errors = client.communicate(timeout=HANG_SECONDS)
    assert "Traceback" not in errors
    assert "delta" in errors
    assert client.returncode == 1
    assert mine.read_bytes() == OLD
    assert files_in(tmp_path) == ["mine"]


# ---- A chain of backups ---------------------------------------------------------------------------------------------

VERSIONS = [OLD, NEW, random_edits(NEW, 5, 4), b"", OLD, OTHER, OTHER]
NEWEST = random_edits(OTHER, 3, 9)
CHAIN = "backup_chain.py"


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in which it costs nothing to wait for the disk, if the system has one."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def store(memory: Path) -> Path:
    store = memory / "store"
    for number, data in enumerate(VERSIONS, 1):
        (memory / "file").write_bytes(data)
        assert run(CHAIN, "add", store, memory / "file").stdout == f"version {number}\n"
    return store


def assert_kept(store: Path, versions: dict[int, bytes]) -> None:
    """These versions, and no others, can be restored, and nothing but what was there is left behind."""
    before = files_in(store)
    restored = store.parent / "restored"
    listed = run(CHAIN, "list", store).stdout.splitlines()
    assert [int(line.split()[0]) for line in listed] == sorted(versions)
    for number in range(1, max(versions) + 2):
        restored.write_bytes(b"mine")
        if number in versions:
            run(CHAIN, "restore", store, number, "-f", "-o", restored)
            assert restored.read_bytes() == versions[number]
        else:
            assert "no version" in run(CHAIN, "restore", store, number, "-f", "-o", restored, status=1).stderr
            assert restored.read_bytes() == b"mine"
    restored.unlink()
    assert "file" in files_in(store.parent)
    assert set(files_in(store.parent)) <= {"file", "store", "store-before"}
    checked = run(CHAIN, "check", store).stdout.splitlines()
    assert checked == [f"version {number}: can be restored" for number in sorted(versions)]
    assert files_in(store) == before


def numbered(versions: list[bytes], *without: int) -> dict[int, bytes]:
    return {number: data for number, data in enumerate(versions, 1) if number not in without}


def test_every_version_of_a_chain_can_be_restored(store: Path) -> None:
    assert_kept(store, numbered(VERSIONS))
    listed = run(CHAIN, "list", store).stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [[str(n), "delta"] for n in range(1, 7)] + [["7", "full"]]
    assert (store / "0001-from-0002.delta").stat().st_size < len(OLD) // 4
    assert files_in(store) == [*(f"000{n}-from-000{n + 1}.delta" for n in range(1, 7)), "0007.b3", "0007.full"]


def test_the_oldest_versions_of_a_chain_can_be_forgotten(store: Path) -> None:
    out = run(CHAIN, "prune", store, 3).stdout
    assert out.splitlines() == [f"removed version {n}" for n in range(1, 5)]
    assert_kept(store, numbered(VERSIONS, 1, 2, 3, 4))
    assert run(CHAIN, "prune", store, 100).stdout == ""
    run(CHAIN, "prune", store, 1)
    run(CHAIN, "prune", store, 0, status=2)
    assert files_in(store) == ["0007.b3", "0007.full"]
    assert_kept(store, {7: VERSIONS[6]})


@pytest.mark.parametrize("gone", range(1, 8))
def test_any_version_of_a_chain_can_be_dropped(store: Path, gone: int) -> None:
    assert run(CHAIN, "drop", store, gone).stdout == f"removed version {gone}\n"
    assert "no version" in run(CHAIN, "drop", store, gone, status=1).stderr
    assert_kept(store, numbered(VERSIONS, gone))
    (store.parent / "file").write_bytes(NEW)
    run(CHAIN, "add", store, store.parent / "file")
    number = 8 if gone < 7 else 7
    assert_kept(store, {**numbered(VERSIONS, gone), number: NEW})


def test_increments_of_a_chain_are_rolled_up(store: Path) -> None:
    assert run(CHAIN, "roll-up", store, 1).stdout == ""
    assert "no version" in run(CHAIN, "roll-up", store, 8, status=1).stderr
    out = run(CHAIN, "roll-up", store, 5).stdout
    assert out.splitlines() == [f"removed version {n}" for n in (2, 3, 4)]
    assert_kept(store, numbered(VERSIONS, 2, 3, 4))
    assert files_in(store)[0] == "0001-from-0005.delta"
    run(CHAIN, "roll-up", store, 7)
    assert_kept(store, {1: VERSIONS[0], 7: VERSIONS[6]})


def test_a_chain_receives_a_delta(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(redelta.delta(redelta.signature(OTHER), NEWEST))
    assert run(CHAIN, "receive", store, tmp_path / "file").stdout == "version 8\n"
    assert_kept(store, {**numbered(VERSIONS), 8: NEWEST})
    before = files_in(store)
    run(CHAIN, "receive", store, tmp_path / "file", status=1)  # the same again, which is for version 7
    assert files_in(store) == before
    assert_kept(store, {**numbered(VERSIONS), 8: NEWEST})


def altered(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [altered, lambda data: data[: len(data) // 2]], ids=["altered", "truncated"])
def test_a_damaged_chain_is_told_of(store: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    damaged, target = store / "0002-from-0003.delta", tmp_path / "restored"
    damaged.write_bytes(damage(damaged.read_bytes()))
    target.write_bytes(b"mine")
    run(CHAIN, "restore", store, 2, "-f", "-o", target, status=1)
    assert target.read_bytes() == b"mine"
    run(CHAIN, "restore", store, 3, "-f", "-o", target)
    assert target.read_bytes() == VERSIONS[2]
    checked = run(CHAIN, "check", store, status=1).stdout.splitlines()
    assert [line.endswith("can be restored") for line in checked[1:]] == [False, True, True, True, True, True]


def test_a_version_before_a_damaged_one_is_kept(store: Path) -> None:
    damaged = store / "0002-from-0003.delta"
    damaged.write_bytes(damaged.read_bytes()[:-60])
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    run(CHAIN, "drop", store, 2, status=1)
    run(CHAIN, "roll-up", store, 4, status=1)
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before


def test_a_damaged_full_version_is_told_of(store: Path, tmp_path: Path) -> None:
    full = store / "0007.full"
    full.write_bytes(full.read_bytes()[:-1] + b"!")
    before = files_in(store)
    run(CHAIN, "restore", store, 7, "-o", tmp_path / "restored", status=1)
    run(CHAIN, "restore", store, 6, "-o", tmp_path / "restored", status=1)
    assert "0007.full" in run(CHAIN, "check", store, status=1).stdout
    run(CHAIN, "drop", store, 7, status=1)
    run(CHAIN, "receive", store, store / "0006-from-0007.delta", status=1)
    assert files_in(store) == before
    assert not (tmp_path / "restored").exists()


def test_a_missing_link_of_a_chain_is_told_of(store: Path, tmp_path: Path) -> None:
    (store / "0003-from-0004.delta").unlink()
    checked = run(CHAIN, "check", store, status=1).stdout
    assert "version 2: " in checked
    assert "a file of the store is missing" in checked
    assert "version 4: can be restored" in checked
    assert "a file of the store is missing" in run(CHAIN, "restore", store, 1, "-o", tmp_path / "x", status=1).stderr


KILLED = """
import os, runpy, signal, sys
steps = int(sys.argv.pop(1))
for name in ("replace", "unlink"):
    def step(*words, do=getattr(os, name), **more):
        global steps
        if words[:1] and ("store/0" in os.fspath(words[-1]) or "store/.new" in os.fspath(words[-1])):
            if steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            steps -= 1
        return do(*words, **more)
    setattr(os, name, step)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def killed_at(step: int, *arguments: object) -> bool:
    """Runs the example, and kills it before this change of the store. Whether it came so far."""
    command = [sys.executable, "-c", KILLED, str(step), str(EXAMPLES / CHAIN), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


FEW = [OLD, NEW, random_edits(NEW, 5, 4), OTHER]


@pytest.mark.parametrize(
    ("words", "after"),
    [
        (("add", "FILE"), {**numbered(FEW), 5: NEWEST}),
        (("receive", "DELTA"), {**numbered(FEW), 5: NEWEST}),
        (("drop", 2), numbered(FEW, 2)),
        (("drop", 4), numbered(FEW, 4)),
        (("roll-up", 4), numbered(FEW, 2, 3)),
        (("prune", 2), numbered(FEW, 1, 2)),
    ],
)
def test_a_chain_survives_a_kill_before_every_change(
    memory: Path, words: tuple[object, ...], after: dict[int, bytes]
) -> None:
    """Whatever has been done, all that stays in the end can be restored, what is listed can, and the work can be done
    once more."""
    store, whole, file = (memory / name for name in ("store", "store-before", "file"))
    for data in FEW:
        file.write_bytes(data)
        run(CHAIN, "add", store, file)
    verb, what = words
    file.write_bytes(NEWEST if verb == "add" else redelta.delta(redelta.signature(OTHER), NEWEST))
    arguments = (verb, store, file if isinstance(what, str) else what)
    shutil.copytree(store, whole)
    step = 0
    while killed_at(step, *arguments):
        listed = {int(line.split()[0]) for line in run(CHAIN, "list", store).stdout.splitlines()}
        assert set(numbered(FEW)) & set(after) <= listed
        if listed != set(after):
            assert_kept(store, {number: ({**numbered(FEW), **after})[number] for number in listed})
            run(CHAIN, *arguments)
        run(CHAIN, "add", store, store / f"{max(after):04}.full")
        assert not list(store.glob(".*")), "what the killed process left is not removed"
        assert_kept(store, {**after, max(after) + 1: after[max(after)]})
        shutil.rmtree(store)
        shutil.copytree(whole, store)
        step += 1
    assert step >= 2
    assert_kept(store, after)


def test_two_processes_do_not_use_a_chain_at_once(store: Path) -> None:
    folder = os.open(store, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert "another process" in run(CHAIN, "list", store, status=1).stderr
    os.close(folder)
    run(CHAIN, "list", store)


def test_a_chain_without_a_file_or_a_store(tmp_path: Path) -> None:
    for verb, *rest in [("add", "none"), ("list",), ("restore", 1, "-o", "to"), ("prune", 1), ("check",), ("drop", 1)]:
        assert "No such file" in run(CHAIN, verb, tmp_path / "store", *rest, status=1).stderr
    assert files_in(tmp_path) == []
    (tmp_path / "store").mkdir()
    assert "no version" in run(CHAIN, "receive", tmp_path / "store", "none", status=1).stderr


def test_a_restored_version_replaces_no_file_unasked(store: Path, tmp_path: Path) -> None:
    target, folder, nowhere = (tmp_path / name for name in ("restored", "folder", "link"))
    target.write_bytes(b"mine")
    folder.mkdir()
    nowhere.symlink_to("nowhere")
    for path, *words in [(target,), (folder,), (folder, "-f"), (nowhere,), (nowhere, "-f")]:
        assert "-f" in run(CHAIN, "restore", store, 2, "-o", path, *words, status=1).stderr
    assert target.read_bytes() == b"mine"
    assert files_in(tmp_path) == ["folder", "link", "restored"]
    assert nowhere.is_symlink()
    run(CHAIN, "restore", store, 2, "-o", target, "-f")
    assert target.read_bytes() == VERSIONS[1]


LEFT = ".new-abc_01z9"  # as a killed process leaves a folder behind
MINE = (".new-year", ".new-abc_01z9x", ".new-ABCDEFGH", ".new-")


def test_a_folder_that_is_no_store_is_left_alone(memory: Path) -> None:
    home, file = memory / "home", memory / "file"
    file.write_bytes(OLD)
    for name in (LEFT, *MINE, "folder"):
        (home / name).mkdir(parents=True)
        (home / name / "letter").write_bytes(NEW)
    (home / "last.full").write_bytes(NEW)
    before = sorted(home.rglob("*"))
    for verb, *rest in [
        ("add", file), ("receive", file), ("list",), ("restore", 1, "-o", memory / "to"), ("drop", 1), ("roll-up", 1),
        ("prune", 1), ("check",),
    ]:  # fmt: skip
        assert "not a store" in run(CHAIN, verb, home, *rest, status=1).stderr, verb
        assert sorted(home.rglob("*")) == before, verb
    assert files_in(memory) == ["file", "home"]


def test_only_verbs_that_write_remove_what_was_left_behind(store: Path) -> None:
    for name in (LEFT, *MINE):
        (store / name).mkdir()
        (store / name / "part").write_bytes(NEW)
    (store / ".new-file0000").write_bytes(NEW)
    (store / ".new-link0000").symlink_to(MINE[0])
    before = files_in(store)
    run(CHAIN, "list", store)
    run(CHAIN, "check", store)
    run(CHAIN, "restore", store, 1, "-o", store.parent / "restored")
    assert files_in(store) == before
    run(CHAIN, "prune", store, 100)
    assert files_in(store) == [name for name in before if name != LEFT]


def test_a_store_begins_again_after_its_first_version_was_not_finished(memory: Path) -> None:
    store, file = memory / "store", memory / "file"
    file.write_bytes(OLD)
    (store / LEFT).mkdir(parents=True)
    (store / "0001.b3").write_text("a digest, whose file is not there yet")
    assert "not a store" in run(CHAIN, "list", store, status=1).stderr
    run(CHAIN, "add", store, file)
    assert files_in(store) == ["0001.b3", "0001.full"]
    assert_kept(store, {1: OLD})


# ---- asyncio --------------------------------------------------------------------------------------------------------


def test_asyncio_fetch(tmp_path: Path) -> None:
    served, mine = tmp_path / "served", tmp_path / "mine"
    served.write_bytes(NEW)
    with running("async_sync.py", "serve", served) as line:
        host, port = line.split()
        assert run("async_sync.py", "fetch", host, port, mine).stdout.endswith(f"for {len(NEW)}\n")
        assert mine.read_bytes() == NEW
        mine.write_bytes(OLD)
        assert travelled(run("async_sync.py", "fetch", host, port, mine).stdout) < len(NEW) // 4
        assert mine.read_bytes() == NEW
        for sent in (b"\xff" * 100, (4).to_bytes(8, "big") + b"junk"):
            with socket.create_connection((host, int(port)), HANG_SECONDS) as stranger:
                stranger.sendall(sent)
                assert broken_off(stranger)
        with socket.create_connection((host, int(port)), HANG_SECONDS) as stranger:
            stranger.sendall(b"\x00")
        served.unlink()
        run("async_sync.py", "fetch", host, port, mine, status=1)
        assert mine.read_bytes() == NEW
    assert files_in(tmp_path) == ["mine"]
    assert "connect" in run("async_sync.py", "fetch", host, port, mine, status=1).stderr.lower()


ENDLESS = """
import asyncio, async_sync, redelta

async def main():
    await asyncio.wait_for(async_sync.in_thread(redelta.write_signature, "/dev/zero", "/dev/null"), 0.1)

asyncio.run(main())  # waits for its threads
"""


def test_asyncio_cancelled_work_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS], cwd=EXAMPLES, stderr=subprocess.PIPE, text=True, timeout=HANG_SECONDS
    )
    assert done.stderr.splitlines()[-1] == "TimeoutError"


@pytest.mark.parametrize(
    "answer",
    [
        lambda delta: b"",
        lambda delta: b"junk",
        lambda delta: delta[:-1],
        lambda delta: delta + b"x",
        lambda delta: redelta.delta(redelta.signature(OTHER), OTHER[::-1] + OTHER),
        lambda delta: GREEDY,
    ],
)
def test_asyncio_bad_answers(tmp_path: Path, answer: Callable[[bytes], bytes]) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(OLD)
    delta = redelta.delta(redelta.signature(OLD), NEW)
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        command = [sys.executable, EXAMPLES / "async_sync.py", "fetch", host, str(port), mine]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as client:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as received:
                received.read(int.from_bytes(received.read(8), "big"))
                with suppress(ConnectionError):  # it may have had enough
                    connection.sendall(answer(delta))
            _, errors = client.communicate(timeout=HANG_SECONDS)
    assert "Traceback" not in errors
    assert client.returncode == 1, errors
    assert mine.read_bytes() == OLD
    assert files_in(tmp_path) == ["mine"]


# ---- tqdm and fsspec ------------------------------------------------------------------------------------------------


def test_progress_bars(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    errors = run("progress_bar.py", *(tmp_path / name for name in ("old", "new", "copy"))).stderr
    assert (tmp_path / "copy").read_bytes() == NEW
    for title in ("signature", "delta", "patch"):
        assert re.search(rf"{title}: 100%.* ([\d.]+)k/\1k ", errors), errors
    assert "No such file" in run("progress_bar.py", tmp_path / "none", tmp_path / "new", "x", status=1).stderr
    run("progress_bar.py", status=2)


def test_fsspec_in_memory() -> None:
    assert run("fsspec_sync.py").stdout == "1087847 bytes were there already, 1053 are new\n"


def test_fsspec_on_other_file_systems(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    run("fsspec_sync.py", f"file://{tmp_path}/old", f"file://{tmp_path}/new")
    assert (tmp_path / "old").read_bytes() == NEW
    run("fsspec_sync.py", f"file://{tmp_path}/old", f"file://{tmp_path}/none", status=1)
    assert (tmp_path / "old").read_bytes() == NEW
    assert files_in(tmp_path) == ["new", "old"]
    run("fsspec_sync.py", "one", status=2)
