#!/usr/bin/env python3
"""Looks at a site that was built: what it refers to is there, and nothing is loaded from another server.

check_site.py build/docs/site
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Elements whose address the browser loads by itself.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class References(HTMLParser):
    """Collects the addresses of a page: of what it loads, and of all it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        words = {name: value or "" for name, value in attrs}
        address = words.get(LOADED.get(tag, ""))
        if address and words.get("rel") != "canonical":
            self.loaded.append(address)
        self.links += [value for name, value in words.items() if name in ("href", "src")]


def problems(site: Path) -> Iterator[str]:
    """What is wrong, a line each."""
    for page in site.rglob("*.html"):
        references = References(page.read_text(errors="replace"))
        for address in references.loaded:
            if urlsplit(address).netloc:
                yield f"{page}: loads {address}"
        for address in references.links:
            parts = urlsplit(address)
            place = (site / parts.path.lstrip("/")) if parts.path.startswith("/") else page.parent / unquote(parts.path)
            if not parts.scheme and not parts.netloc and parts.path and not place.exists():
                yield f"{page}: {address} is not there"
    for sheet in site.rglob("*.css"):
        for address in re.findall(r"(?:@import\s+|url\()['\"]?((?:https?:)?//[^'\")]+)", sheet.read_text()):
            yield f"{sheet}: loads {address}"


def main() -> None:
    site = Path(sys.argv[1])
    if not (site / "index.html").is_file():
        sys.exit(f"{site}: there is no site")
    found = sorted(set(problems(site)))
    if found:
        sys.exit("\n".join(found))


main()
