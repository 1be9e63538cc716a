"""Where the files of a root and of a dataset lie: a directory, or what fsspec calls a file system.

A place is a few strings, so that it can be sent to a worker, who opens it again. A `file://` URL is a directory, since
the system's own calls are faster. Names within a place are bytes for a directory, for which any bytes but `/` and NUL
are a name; for all else they are UTF-8.

A file is written whole: under a private name that is then renamed, or by one put. So whoever finds it finds all of it,
and two workers that write the same one, since one of them was thought lost, do not harm each other."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from redelta._errors import ParameterError
from redelta._urls import path_of_url

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)(::|://)")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What says that there is no room for what is written; not every call says of which file."""
PRIVATE = ".redelta-"
"""How the names of files begin that are not complete."""


def is_url(value: object) -> bool:
    """Is this a URL, or a chain of them?"""
    return isinstance(value, str) and URL.match(value) is not None


@dataclass(frozen=True)
class Place:
    """A directory or a prefix: `path` if it is of this machine, else `url` with the options of fsspec."""

    path: bytes | None
    url: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, where: str | bytes | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Place:
        """The place that a caller means by a path or a URL."""
        named = path_of_url(where) if isinstance(where, str) else None
        if named is not None:
            return cls(os.path.abspath(named))
        if isinstance(where, str) and is_url(where):
            return cls(None, where.rstrip("/"), dict(options or {}))
        if options:
            raise ParameterError("storage options are for URLs: a path has none")
        return cls(os.path.abspath(os.fsencode(where)))

    @property
    def where(self) -> str | bytes:
        """What `of` makes it of, with `given` as the options."""
        return self.url if self.path is None else self.path

    @property
    def given(self) -> Mapping[str, Any] | None:
        """The options of a URL; None for a path."""
        return self.options if self.path is None else None

    def below(self, name: str) -> Place:
        """A place in this one."""
        if self.path is not None:
            return Place(self.join(os.fsencode(name)))
        return Place(None, f"{self.url}/{name}", self.options)

    def __str__(self) -> str:
        return self.url or os.fsdecode(self.path or b"")

    # ---- Of fsspec ---------------------------------------------------------------------------------------------------

    def filesystem(self) -> tuple[Any, str]:
        """The file system of fsspec, and the root within it. Raises ParameterError if fsspec is not installed
        or does not take the URL or its options."""
        try:
            import fsspec
        except ImportError as error:
            raise ParameterError(f"{self.url}: install redelta[fsspec] for URLs") from error
        try:
            found = fsspec.core.url_to_fs(self.url, **self.options)
        except (NotImplementedError, AttributeError, TypeError, ValueError) as error:
            raise ParameterError(f"{self.url}: fsspec cannot open this: {error or type(error).__name__}") from error
        return found[0], str(found[1]).rstrip("/")

    def inner(self, name: bytes) -> tuple[Any, str]:
        """The file system, and the path in it of a name."""
        filesystem, root = self.filesystem()
        return filesystem, f"{root}/{name.decode()}"

    # ---- Both --------------------------------------------------------------------------------------------------------

    def join(self, name: bytes) -> bytes:
        """The path of a name in a directory."""
        assert self.path is not None
        return self.path + b"/" + name

    def make(self) -> None:
        """Makes the directory and those above it; a prefix needs none."""
        if self.path is not None:
            os.makedirs(self.path, exist_ok=True)

    def exists(self) -> bool:
        """Is there a directory, or are there objects?"""
        if self.path is not None:
            return os.path.isdir(self.path)
        filesystem, root = self.filesystem()
        filesystem.invalidate_cache()
        with named(self):
            return bool(filesystem.exists(root))

    def sizes(self) -> dict[str, int]:
        """The names of the files right here that are names in UTF-8, and their sizes. Empty if there is no such
        place."""
        if self.path is not None:
            try:
                with os.scandir(os.fsdecode(self.path)) as entries:
                    return {each.name: each.stat().st_size for each in entries if each.is_file()}
            except FileNotFoundError:
                return {}
        filesystem, root = self.filesystem()
        try:
            filesystem.invalidate_cache()
            found = filesystem.ls(root, detail=True)
        except FileNotFoundError:
            return {}
        return {each["name"].rsplit("/", 1)[-1]: int(each["size"]) for each in found if each["type"] == "file"}

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """The bytes of a file, or those from `start` to `stop`."""
        if self.path is not None:
            with open(self.join(os.fsencode(name)), "rb") as file:
                file.seek(start or 0)
                return file.read(-1 if stop is None else stop - (start or 0))
        filesystem, path = self.inner(name.encode())
        return bytes(filesystem.cat_file(path, start=start, end=stop))

    def open(self, name: str | bytes) -> IO[bytes]:
        """A file to read, that can be set to a position."""
        raw = os.fsencode(name)
        if self.path is not None:
            return open(self.join(raw), "rb")
        filesystem, path = self.inner(raw)
        opened: IO[bytes] = filesystem.open(path, "rb", cache_type="readahead")
        return opened

    @contextlib.contextmanager
    def new_file(self, name: str | None = None) -> Iterator[NewFile]:
        """A file of this machine to write to, which gets its name, or is put, when the block ends without an exception.
        It is dropped if it has no name by then."""
        here = None if self.path is None else os.fsdecode(self.path)
        descriptor, private = tempfile.mkstemp(prefix=PRIVATE, dir=here)
        try:
            with open(descriptor, "w+b") as file:
                new = NewFile(file, name)
                yield new
            if new.name is not None and here is not None:
                os.chmod(private, 0o666 & ~current_umask())
                os.replace(private, os.path.join(here, new.name))
            elif new.name is not None:
                filesystem, path = self.inner(new.name.encode())
                with named(self):
                    filesystem.put_file(private, path)
        except OSError as error:
            if error.errno in FULL and error.filename is None:
                error.filename = str(self)
            raise
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(private)

    def copy_from(self, other: Place, name: str) -> None:
        """Copies a file of another place, under the same name."""
        with other.open(name) as source, self.new_file(name) as dest:
            shutil.copyfileobj(source, dest.file, 1 << 20)

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            if self.path is not None:
                os.unlink(self.join(os.fsencode(name)))
            else:
                filesystem, path = self.inner(name.encode())
                filesystem.rm_file(path)

    def remove_all(self) -> None:
        """Removes the place with all that is in it."""
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        filesystem, root = self.filesystem()
        with contextlib.suppress(FileNotFoundError):
            filesystem.rm(root, recursive=True)


@dataclass
class NewFile:
    """A file that is being written: its name may be found out while it is."""

    file: IO[bytes]
    name: str | None = None


@contextlib.contextmanager
def named(place: Place) -> Iterator[None]:
    """What a store refuses becomes an OSError as the system's own are: with a number, a text and the URL. Stores raise
    some that have nothing but a text, and botocore others for credentials that are missing."""
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        if place.path is not None or error.filename is not None:
            raise
        number = errno.ENOENT if isinstance(error, FileNotFoundError) else errno.EACCES
        text = error.strerror or str(error) or os.strerror(number)
        raise OSError(number, text, place.url) from error
    except Exception as error:
        if type(error).__name__ not in ("NoCredentialsError", "PartialCredentialsError"):
            raise
        raise PermissionError(errno.EACCES, "there are no credentials", place.url) from error


def current_umask() -> int:
    """The mask of the modes of new files, which can only be read by setting it where there is no `/proc`."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path("/proc/self/status").read_text().split("Umask:", 1)[1].split(None, 1)[0], 8)
    return 0o022
