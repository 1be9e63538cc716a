"""Links between two sides that are slower and longer than this machine's: real ones where it can be had, else made by
the relay.

A real one is a pair of virtual devices between two network namespaces, each with a `tc netem` that delays and limits
what it sends, and ssh across it. That needs root, a kernel with netem, and sshd. The relay's queue has the same rate
and delay, without TCP and ssh.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from sshd import Sshd, Unavailable, program

QUEUE = 100_000  # packets: none is lost
NETWORK = "10.213.77"
DEVICE = "wire"


@dataclass(frozen=True)
class LinkSpeed:
    """Of each direction in bits a second, and the time of a round trip in milliseconds."""

    bits: float
    milliseconds: float

    @staticmethod
    def of(text: str) -> LinkSpeed:
        """MBIT:MS. Raises ValueError."""
        megabits, _, milliseconds = text.partition(":")
        speed = LinkSpeed(float(megabits) * 1e6, float(milliseconds))
        if speed.bits <= 0 or speed.milliseconds < 0:
            raise ValueError(text)
        return speed

    def label(self, how: str) -> str:
        return f"{self.bits / 1e6:g} Mbit/s, {self.milliseconds:g} ms ({how})"


@dataclass(frozen=True)
class Link:
    """What the relay is called with; `shell` is the remote shell behind it, empty: the relay is that itself."""

    label: str
    options: tuple[str, ...] = ()
    shell: str = ""


@contextlib.contextmanager
def relayed(speed: LinkSpeed) -> Iterator[Link]:
    options = ("--rate", f"{speed.bits:.0f}", "--delay", f"{speed.milliseconds / 2:g}")
    yield Link(speed.label("relay"), options)


# ---- Real links ------------------------------------------------------------------------------------------------------


def call(*words: str) -> None:
    """Raises Unavailable with what the command says."""
    done = subprocess.run([program(words[0]), *words[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")


def shaped(space: str, device: str, speed: LinkSpeed) -> None:
    """What the device sends is slow and late."""
    netem = ("netem", "limit", str(QUEUE), "delay", f"{speed.milliseconds / 2:g}ms", "rate", f"{speed.bits:.0f}bit")
    call("ip", "netns", "exec", space, program("tc"), "qdisc", "add", "dev", device, "root", *netem)


@contextlib.contextmanager
def namespaces(speed: LinkSpeed) -> Iterator[tuple[str, str]]:
    """Two of them, whose addresses end with 1 and 2. Raises Unavailable."""
    one, two = (f"redelta-{os.getpid()}-{side}" for side in ("one", "two"))
    with contextlib.ExitStack() as stack:
        for space in (one, two):
            call("ip", "netns", "add", space)
            stack.callback(call, "ip", "netns", "del", space)
        call("ip", "link", "add", DEVICE, "netns", one, "type", "veth", "peer", "name", DEVICE, "netns", two)
        for number, space in ((1, one), (2, two)):
            call("ip", "-n", space, "address", "add", f"{NETWORK}.{number}/24", "dev", DEVICE)
            call("ip", "-n", space, "link", "set", DEVICE, "up")
            call("ip", "-n", space, "link", "set", "lo", "up")
            shaped(space, DEVICE, speed)
        yield one, two


@contextlib.contextmanager
def real(speed: LinkSpeed) -> Iterator[Link]:
    """Raises Unavailable."""
    with namespaces(speed) as (one, two):
        inside, outside = (("ip", "netns", "exec", space) for space in (one, two))
        with Sshd(f"{NETWORK}.1", inside, outside) as sshd:
            yield Link(speed.label("netem, ssh"), shell=sshd.shell)


@contextlib.contextmanager
def slow_link(speed: LinkSpeed) -> Iterator[Link]:
    """A real one, or else the relay's."""
    with contextlib.ExitStack() as stack:
        try:
            link = stack.enter_context(real(speed))
        except Unavailable:
            link = stack.enter_context(relayed(speed))
        yield link
