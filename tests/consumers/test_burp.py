"""burp: three backups over the network, verified, and restored to each of the three times.

A server and a client, both on the loopback address. In a backup the server makes the signature of each changed file as
it was, the client makes the delta against it, and the server patches; a restore of an older time applies the deltas
that are kept. All of it is done by jobs between sockets, with burp's own timing: its server waits for a second whenever
a call gives it nothing to write. The steps of a mix: backup, backup, backup, everything that reads; each step has a
letter for the server and one for the client.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from consumers.burp import Burp, make_certificates
from consumers.programs import Desk, Librsync
from consumers.trees import STATES, History


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.mark.parametrize("mix", ["ss ss ss ss", "oo oo oo oo", "so os so os", "os so os so"])
def test_backups_are_restored_to_each_time(
    desk: Desk, history: History, librsyncs: dict[str, Librsync], certificates: Path, mix: str
) -> None:
    burp = Burp(desk, history.root, certificates)
    steps = [(librsyncs[step[0]], librsyncs[step[1]]) for step in mix.split()]
    for state, (server, client) in enumerate(steps[:STATES]):
        history.advance(state)
        with burp.server(server):
            burp.back_up(client, state + 1)
    assert {path.name for path in burp.deltas()} >= {"big", "log", "sparse"}, "no delta was kept"

    server, client = steps[STATES]
    with burp.server(server):
        for state in range(STATES):
            said = burp.client(client, "-a", "v", "-b", str(state + 1))
            assert "verify finished" in said
            assert "WARNING" not in said
            history.assert_restored(state, burp.restore(client, state + 1))


@pytest.mark.parametrize("letter", ["s", "o"])
def test_a_damaged_delta_is_noticed(
    desk: Desk, history: History, librsyncs: dict[str, Librsync], certificates: Path, letter: str
) -> None:
    """The verification above can fail: with a truncated delta, the older state is not what it was."""
    librsync = librsyncs[letter]
    burp = Burp(desk, history.root, certificates)
    for state in range(2):
        history.advance(state)
        with burp.server(librsync):
            burp.back_up(librsync, state + 1)
    (delta,) = (path for path in burp.deltas() if path.name == "big")
    delta.write_bytes(gzip.compress(gzip.decompress(delta.read_bytes())[:-1000]))
    with burp.server(librsync):
        said = burp.client(librsync, "-a", "v", "-b", "1", status=None)
    (problem,) = (line for line in said.splitlines() if "WARNING: problem when patching" in line)
    assert "/tree/big" in problem
