"""Places for files that are unlike others: file systems of every kind, and one that refuses calls.

A process that mounts something has a mount namespace of its own, so that no mount outlives it, however it ends. What
the machine cannot do skips the test, with the reason. The folder of the places can be reached by every user, unlike
that of pytest.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.tool import HANG_SECONDS, Argument, Result, assert_sound, plain_environment

MIB = 1 << 20
CLONE_NEWNS = 0x00020000
MS_PRIVATE_RECURSIVE = 0x4000 | 0x40000

FILE_SYSTEMS = {
    "ext4": (16 * MIB, ("mkfs.ext4", "-q", "-F")),
    "xfs": (300 * MIB, ("mkfs.xfs", "-q", "-f")),
    "btrfs": (128 * MIB, ("mkfs.btrfs", "-q", "-f")),
    "vfat": (8 * MIB, ("mkfs.vfat",)),
}
"""What can be made in a file: the smallest sensible size, which is sparse, and how."""


@functools.cache
def why_not_mount() -> str | None:
    """Gives this process a mount namespace of its own, once. Otherwise returns why nothing can be mounted here."""
    if os.geteuid() != 0:
        return "only root can mount"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return f"this root may not mount: {os.strerror(ctypes.get_errno())}"
    if libc.mount(b"none", b"/", None, MS_PRIVATE_RECURSIVE, None) != 0:
        return f"the mounts cannot be made private: {os.strerror(ctypes.get_errno())}"
    return None


def find(program: str) -> str:
    """The path of a program of the system, which others than root do not have in their PATH."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def try_run(*words: Argument) -> str | None:
    """Runs a command of the system; None or what it said when it failed."""
    done = subprocess.run(
        [find(os.fsdecode(words[0])), *words[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=HANG_SECONDS,
        check=False,
        env=plain_environment(),
    )
    return None if done.returncode == 0 else (done.stderr or done.stdout).decode(errors="replace").strip()


def must_run(*words: Argument) -> bytes:
    """Runs a command of the system that has to work, and returns what it prints."""
    done = subprocess.run(
        [find(os.fsdecode(words[0])), *words[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=HANG_SECONDS,
        check=False,
        env=plain_environment(),
    )
    assert done.returncode == 0, (words, done.stderr.decode(errors="replace"))
    return done.stdout


@dataclass(frozen=True)
class User:
    """Who runs a command: root, or anyone else."""

    user: int
    group: int
    groups: tuple[int, ...] = ()

    def words(self) -> list[str]:
        """What a command line begins with."""
        if self.user == 0:
            return []
        groups = [f"--groups={','.join(map(str, self.groups))}"] if self.groups else ["--clear-groups"]
        return [find("setpriv"), f"--reuid={self.user}", f"--regid={self.group}", *groups, "--"]

    def run(self, *words: Argument, **variables: str) -> Result:
        """Runs a command as this user."""
        text = [*self.words(), *(os.fsdecode(word) for word in words)]
        done = subprocess.run(
            text,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HANG_SECONDS,
            check=False,
            env=plain_environment() | variables,
        )
        result = Result(text, done.returncode, done.stdout, done.stderr)
        assert_sound(result)
        return result


ROOT = User(0, 0)


@dataclass(frozen=True)
class View:
    """A folder, and the view of it in which calls are refused."""

    back: Path
    view: Path
    log: Path

    def refused(self) -> list[str]:
        """The calls that were refused so far."""
        return self.log.read_text().splitlines()


class Places:
    """Makes places, and removes them at the end of the `with`."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._count = 0

    def __enter__(self) -> Places:
        reason = why_not_mount()
        if reason is not None:
            pytest.skip(reason)
        self.folder = Path(tempfile.mkdtemp(prefix="redelta-places-"))
        self.folder.chmod(0o755)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._stack.close()
        finally:
            left = mounts_below(self.folder)
            for mount in reversed(left):
                subprocess.run(["umount", "-l", mount], check=False)
            shutil.rmtree(self.folder)
            assert left == []

    def new_folder(self, name: str = "folder") -> Path:
        """An empty folder."""
        self._count += 1
        folder = self.folder / f"{name}-{self._count}"
        folder.mkdir()
        return folder

    def _mounted(self, mount: Path) -> None:
        self._stack.callback(must_run, "umount", "-l", mount)

    def copy(self, program: Path | str) -> Path:
        """A copy of a program that every user can run."""
        return Path(shutil.copy(program, self.new_folder("program")))

    def tmpfs(self, size: str = "16m") -> Path:
        """An empty file system in memory."""
        mount = self.new_folder("tmpfs")
        must_run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", mount)
        self._mounted(mount)
        return mount

    def overlay(self) -> Path:
        """As a container has it: what is written goes to another folder."""
        memory = self.tmpfs()
        layers = [memory / name for name in ("lower", "upper", "work")]
        for layer in layers:
            layer.mkdir()
        lower, upper, work = layers
        mount = self.new_folder("overlay")
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        reason = try_run("mount", "-t", "overlay", "-o", options, "overlay", mount)
        if reason is not None:
            pytest.skip(f"overlay cannot be mounted here: {reason}")
        self._mounted(mount)
        return mount

    def file_system(self, kind: str, options: str = "", size: int = 0) -> Path:
        """An empty file system of that kind: in a file, in memory, or over another one."""
        if kind == "tmpfs":
            return self.tmpfs()
        if kind == "overlay":
            return self.overlay()
        smallest, make = FILE_SYSTEMS[kind]
        image = self.new_folder("image") / kind
        with image.open("wb") as file:
            file.truncate(size or smallest)
        must_run(*make, image)
        mount = self.new_folder(kind)
        words = ["-t", kind, "-o", "loop" + (f",{options}" if options else "")]
        reason = try_run("mount", *words, image, mount)
        if reason is not None:
            pytest.skip(f"{kind} cannot be mounted here: {reason}")
        self._mounted(mount)
        return mount

    def read_only(self, folder: Path) -> Path:
        """A view of the folder in which nothing can be changed."""
        mount = self.new_folder("read-only")
        must_run("mount", "--bind", folder, mount)
        self._mounted(mount)
        must_run("mount", "-o", "remount,bind,ro", mount)
        return mount

    def bind(self, file: Path) -> None:
        """Mounts a file on itself, as container engines do: its name cannot be given to another file."""
        must_run("mount", "--bind", file, file)
        self._mounted(file)

    def block_device(self, content: bytes) -> Path:
        """A device that has these bytes, a multiple of 512. It goes with this process at the latest."""
        image = self.new_folder("image") / "device"
        image.write_bytes(content)
        done = subprocess.run([find("losetup"), "-f", "--show", image], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no loop device can be had here: {done.stderr.strip()}")
        device = Path(done.stdout.strip())
        self._stack.callback(os.close, os.open(device, os.O_RDONLY | os.O_CLOEXEC))
        must_run("losetup", "-d", device)  # it stays for as long as it is open
        return device

    def device_node(self, device: Path) -> Path:
        """Another node of the same device."""
        node = self.new_folder("node") / "node"
        os.mknod(node, device.stat().st_mode, device.stat().st_rdev)
        return node

    def refusing(self, *words: str, back: Path | None = None) -> View:
        """A view of a folder, by default a new one, in which calls are refused: see faults/refusing.c for the words."""
        program = os.environ.get("REDELTA_REFUSING")
        if program is None:
            pytest.skip("built without libfuse (Debian package libfuse3-dev)")
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            pytest.skip("/dev/fuse is missing")
        view = View(back or self.new_folder("back"), self.new_folder("view"), self.new_folder("log") / "log")
        view.log.touch()
        process = subprocess.Popen(
            [program, view.back, view.view, f"log={view.log}", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._stack.callback(end, process, view.view)
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"ready\n":
            pytest.fail(f"the file system that refuses calls did not start: {process.stderr.read().decode()}")
        return view


def end(process: subprocess.Popen[bytes], mount: Path) -> None:
    """Unmounts what the process serves, and waits for it."""
    subprocess.run(["umount", "-l", mount], capture_output=True, check=False, timeout=HANG_SECONDS)
    try:
        process.communicate(timeout=HANG_SECONDS // 4)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def mounts_below(folder: Path) -> list[str]:
    """What is mounted in the folder, in this order."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [mount for mount in mounts if mount.startswith(f"{folder}/")]


# ---- What a file has besides its bytes, by tools that are not ours ---------------------------------------------------


def access_list(path: Path) -> list[str]:
    """The entries of the access list, by number, without the comments."""
    lines = must_run("getfacl", "-n", "-p", "-c", "-E", path).decode().split("\n")
    return [line for line in lines if line]


def set_access_list(path: Path, *entries: str) -> None:
    """Adds entries in the form of setfacl; skips the test where there are no access lists."""
    reason = try_run("setfacl", *(word for entry in entries for word in ("-m", entry)), path)
    if reason is not None and os.strerror(errno.EOPNOTSUPP) in reason:
        pytest.skip("no access lists here")
    assert reason is None, reason


def attributes(path: Path) -> dict[str, bytes]:
    """All extended attributes but those that the access list is kept in, which XFS shows under another name, too."""
    hidden = ("system.", "trusted.SGI_ACL")
    names = (name for name in os.listxattr(path, follow_symlinks=False) if not name.startswith(hidden))
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}


def may(user: User, path: Path) -> str:
    """What the user may do with the file, as `rw` or `-`: by trying."""
    does = (("r", 'exec 3<"$1"'), ("w", 'exec 3>>"$1"'))
    return "".join(letter if user.run("sh", "-c", script, "sh", path).status == 0 else "-" for letter, script in does)


def leftovers(folder: Path) -> list[str]:
    """The temporary names in a folder, of ours and of FUSE."""
    return sorted(name for name in os.listdir(folder) if name.startswith((".redelta-", ".fuse_hidden")))
