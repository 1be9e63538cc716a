"""An sshd of our own on this machine, with keys of its own, for tests and measurements: it ends with its `with`.

It listens at an address of this machine, runs as whoever starts it, and lets in nobody but with a key that it made
itself in a folder of its own. Root and any other user can start it; it needs no configuration of the system, and
changes none but for /run/sshd, an empty folder that an sshd of root cannot do without.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

ATTEMPTS = 5  # to find a port that nobody else takes meanwhile
SECONDS = 120  # until it listens
EMPTY = Path("/run/sshd")  # where an sshd of root goes before somebody has logged in


class Unavailable(Exception):
    """There is no sshd, and why."""


def program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Unavailable(f"{name} is not installed")
    return found


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class Sshd:
    """Raises Unavailable. Both may be run in network namespaces: `inside` and `outside` are what their command lines
    begin with, and then the port is free."""

    def __init__(self, address: str = "127.0.0.1", inside: tuple[str, ...] = (), outside: tuple[str, ...] = ()) -> None:
        self.address = address
        self.inside = inside
        self.outside = outside
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.keys = 0

    def __enter__(self) -> Sshd:
        self.sshd = program("sshd")
        self.ssh = program("ssh")
        self.folder = Path(tempfile.mkdtemp(prefix="redelta-sshd-"))
        try:
            self._make_key("host")
            self.authorised = self.folder / "authorised"
            self.authorised.touch()
            self.shell = self.login()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.folder)

    def login(self, *options: str) -> str:
        """A remote shell, as a line of words, with a key of its own, which has these options: `restrict`, or a forced
        command."""
        self.keys += 1
        key = self._make_key(f"user-{self.keys}")
        words = ",".join(options)
        with self.authorised.open("a") as file:
            file.write(f"{words} {key.with_suffix('.pub').read_text()}".lstrip())
        configuration = self.folder / f"client-{self.keys}"
        configuration.write_text(
            f"Host *\nUser {getpass.getuser()}\nHostName {self.address}\n"
            f"IdentityFile {key}\nIdentitiesOnly yes\nIdentityAgent none\nBatchMode yes\nControlPath none\n"
            f"StrictHostKeyChecking yes\nUserKnownHostsFile {self.folder}/known\nGlobalKnownHostsFile /dev/null\n"
            f"LogLevel ERROR\nInclude {self.folder}/port\n"
        )
        return shlex.join([*self.outside, self.ssh, "-F", str(configuration)])

    def _make_key(self, name: str) -> Path:
        key = self.folder / name
        made = subprocess.run(
            [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key],
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            raise Unavailable(f"ssh-keygen: {made.stderr.strip()}")
        return key

    def _start(self) -> None:
        for _ in range(ATTEMPTS):
            self.port = 2222 if self.inside else free_port(self.address)
            host_key = (self.folder / "host.pub").read_text()
            (self.folder / "known").write_text(f"[{self.address}]:{self.port} {host_key}")
            (self.folder / "port").write_text(f"Port {self.port}\n")
            if self._try_start():
                return
        raise Unavailable(f"sshd does not start: {(self.folder / 'log').read_text().strip()}")

    def _try_start(self) -> bool:
        """Whether it lets us in."""
        configuration = self.folder / "server"
        configuration.write_text(
            f"ListenAddress {self.address}\nPort {self.port}\nHostKey {self.folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.authorised}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\nPrintMotd no\n"
            "PrintLastLog no\nX11Forwarding no\nMaxStartups 100\nLogLevel ERROR\n"
        )
        if os.geteuid() == 0:
            with suppress(FileExistsError):
                EMPTY.mkdir(mode=0o755)
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*self.inside, self.sshd, "-D", "-e", "-f", configuration], stdin=subprocess.DEVNULL, stderr=log
            )
        until = time.monotonic() + SECONDS
        said = ""
        while time.monotonic() < until and self.process.poll() is None:
            words = [*shlex.split(self.shell), "host", "true"]
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode == 0:
                return True
            said = done.stderr
            time.sleep(0.02)
        self.process.kill()
        self.process.wait()
        with (self.folder / "log").open("a") as log:
            log.write(said)
        return False
