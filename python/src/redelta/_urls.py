"""URLs of files, as of RFC 8089: what takes a URL of a store takes these, too, and works on the file itself."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

from redelta._errors import ParameterError

FILE = re.compile(r"file://([^/]*)(.*)", re.IGNORECASE | re.DOTALL)


def path_of_url(url: str) -> bytes | None:
    """The path that a `file://` URL names; None if this is none.

    Each `%` with two hexadecimal digits is a byte of the path, and all other characters are themselves, also `?` and
    `#`, of which such URLs make nothing else. Raises ParameterError if it names a file of another machine, or none.

    >>> path_of_url("file:///a%20b"), path_of_url("file://localhost/a?b"), path_of_url("a%20b")
    (b'/a b', b'/a?b', None)
    """
    found = FILE.fullmatch(url)
    if found is None:
        return None
    host, path = found[1], unquote_to_bytes(os.fsencode(found[2]))
    if host.lower() not in ("", "localhost"):
        raise ParameterError(f"{url!r}: the host {host!r} is not this machine; the URL of a file is file:///PATH")
    if not path:
        raise ParameterError(f"{url!r} names no file: file:///PATH is needed")
    if b"\0" in path:
        raise ParameterError(f"{url!r}: a path has no NUL")
    return path
