#!/usr/bin/env python3
"""The public header for Doxygen, made of the header for people, whose comments have no marks.

    doxygen_filter.py include/redelta.h

- The first comment becomes the main page. A line of dashes with a title opens a topic.
- A comment before a declaration documents it, and also those that follow it without a comment or an empty line of their
  own. One behind a declaration documents that.
- The list of results, which is a macro, becomes the enum that it makes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TOPIC = re.compile(r"/\* -{4} (?P<title>.+?) -+ \*/$")
TRAILING = re.compile(r"^(?P<code>.*\S.*?)\s*/\* (?P<text>.*?)\s*(?P<end>\*/)?$")
DECLARATION = re.compile(r"RD_API|typedef|#define")
RESULT = re.compile(r'X\((\w+), (\d+), "(.*?)"\)')


def expand_results(text: str) -> str:
    """Puts the enumerators of the macro into the enum, with their messages as their comments."""
    members = "".join(f"    RD_{name} = {number}, /* {words} */\n" for name, number, words in RESULT.findall(text))
    text = re.sub(r"/\* X\(name.*?\*/\n#define RD_RESULT_MAP\(X\).*?\n\n", "", text, flags=re.DOTALL)
    comment = "/* How a function ended. Each has a name and a message. */"
    enum = f"{comment}\ntypedef enum rd_result {{\n{members}}} rd_result;"
    text, count = re.subn(r"typedef enum rd_result \{.*?\} rd_result;", enum, text, flags=re.DOTALL)
    if not members or count != 1:
        sys.exit("doxygen_filter.py: the list of results has another form")
    return text


def marked(line: str) -> str:
    """A line of a comment, for Doxygen: a star that is C's is not one of Markdown's, and two dots are not the end."""
    return re.sub(r"(?<![\w/*])\*(?=\w)", r"\\*", line).replace(" .. ", " to ")


def comments(lines: Iterator[str]) -> Iterator[str]:
    """The lines with their comments marked, and each comment repeated for the declarations that share it."""
    shared: list[str] = []  # what a declaration without a comment gets
    commented = False  # the next declaration has one
    depth = 0
    opened = False
    for line in lines:
        stripped = line.strip()
        if topic := TOPIC.match(stripped):
            name = re.sub(r"\W+", "_", topic["title"].partition(":")[0].lower())
            yield "/** @} */" if opened else ""
            yield f"/** @defgroup {name} {topic['title']}\n@{{ */"
            opened = True
            continue
        if stripped.startswith("/*"):
            shared = [marked(line.replace("/*", "/**", 1))]
            while "*/" not in shared[-1]:
                shared.append(marked(next(lines)))
            yield from shared
            commented = True
            continue
        if not stripped:
            shared = []
        elif depth == 0 and DECLARATION.match(line) and not commented and not TRAILING.match(line):
            yield from shared
        commented = False
        if 'extern "C"' not in line:
            depth += line.count("{") - line.count("}")
        if trailing := TRAILING.match(line):
            line = f"{trailing['code']} /**< {marked(trailing['text'])} {trailing['end'] or ''}"
        yield line
    yield "/** @} */"


def main() -> None:
    text = expand_results(Path(sys.argv[1]).read_text())
    first, _, rest = text.partition("*/\n")
    back = "\n\n[All documentation of redelta](../c-api.html)\n"
    print(marked(first).replace("/*", "/** @mainpage The library", 1) + f"{back}*/")
    print("/** @file redelta.h\nThe whole interface of the library. */")
    print("\n".join(comments(iter(rest.splitlines()))))


main()
