"""burp's server and client on the loopback address, for its tests and for bench/burp.

A server has a folder for its configuration and its store, and ports of its own; the client backs up one tree. Both stay
in the foreground and run as whoever runs the tests.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consumers.programs import Desk, Librsync
from helpers.ports import reserved_port
from helpers.tool import HANG_SECONDS

BURP = "/usr/sbin/burp"

SERVER = """\
mode = server
listen = 127.0.0.1:{port}
listen_status = 127.0.0.1:{status_port}
directory = {desk}/store
clientconfdir = {desk}/clients
pidfile = {desk}/server.pid
stdout = 1
syslog = 0
dedup_group = global
hardlinked_archive = 0
working_dir_recovery_method = delete
keep = 7
ssl_cert_ca = {desk}/ca.pem
ssl_cert = {desk}/server.pem
ssl_key = {desk}/server.key
ssl_dhfile = {desk}/dh.pem
"""

CLIENT = """\
mode = client
server = 127.0.0.1
port = {port}
status_port = {status_port}
password = of the client
cname = client
pidfile = {desk}/client.pid
stdout = 1
syslog = 0
progress_counter = 0
ssl_cert_ca = {desk}/ca.pem
ssl_cert = {desk}/client.pem
ssl_key = {desk}/client.key
ssl_peer_cn = server
include = {tree}
"""


def make_certificates(folder: Path) -> None:
    """An authority, and keys of the server and the client that it signed."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=ca")
    for name in ("server", "client"):
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        authority = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        openssl("x509", "-req", "-in", f"{name}.csr", *authority, "-days", "3650", "-out", f"{name}.pem")
    openssl("dhparam", "-dsaparam", "-out", "dh.pem", "2048")


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError("burp's server does not listen")


@dataclass
class Burp:
    """A server's store and a client's tree."""

    desk: Desk
    tree: Path
    certificates: Path

    def __post_init__(self) -> None:
        for name in ("store", "clients"):
            (self.desk.folder / name).mkdir()
        for file in self.certificates.iterdir():
            (self.desk.folder / file.name).write_bytes(file.read_bytes())
        (self.desk.folder / "clients" / "client").write_text("password = of the client\n")

    @contextmanager
    def server(self, librsync: Librsync) -> Iterator[None]:
        """A server on new ports, which the client's configuration names."""
        with reserved_port() as port, reserved_port() as status_port:
            for name, text in (("server", SERVER), ("client", CLIENT)):
                values = {"desk": self.desk.folder, "tree": self.tree, "port": port, "status_port": status_port}
                (self.desk.folder / f"{name}.conf").write_text(text.format(**values))
            with self.desk.serving(librsync, BURP, "-F", "-c", "server.conf"):
                wait_until_listening(port)
                yield

    def client(self, librsync: Librsync, *words: str | Path, status: int | None = 0) -> str:
        return self.desk.run(librsync, BURP, "-c", "client.conf", *words, status=status)

    def back_up(self, librsync: Librsync, number: int) -> None:
        """Makes a backup, the one with this number, and waits for the server, which goes on after the client ended."""
        self.client(librsync, "-a", "b")
        folder = self.desk.folder / "store" / "client"
        current = folder / "current"
        deadline = time.monotonic() + HANG_SECONDS
        while time.monotonic() < deadline:
            links = {path.name for path in folder.iterdir() if path.is_symlink()}
            if links == {"current"} and current.readlink().name.startswith(f"{number:07} "):
                return
            time.sleep(0.02)
        raise TimeoutError((self.desk.folder / "server.log").read_text())

    def deltas(self) -> list[Path]:
        """Those that are kept, to make older versions."""
        return [path for path in (self.desk.folder / "store").rglob("*") if "deltas.reverse" in path.parts]

    def restore(self, librsync: Librsync, number: int) -> Path:
        """Restores a backup, and returns where the tree is."""
        folder = self.desk.folder / f"restored {number}"
        self.client(librsync, "-a", "r", "-b", str(number), "-d", folder)
        return folder / self.tree.relative_to("/")
