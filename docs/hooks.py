"""What mkdocs does beside its own: pages that are made of other files of the project, and links to those.

- The home page is README.md; CONTRIBUTING.md, CHANGELOG.md and the manuals (by mandoc) are pages, too.
- The reference of the C interface is what Doxygen left in build/docs/doxygen.
- Links that lead out of docs/, as they must in the repository, lead to those pages. One that leads to any other file of
  the repository becomes its mere name; mkdocs warns of one that leads nowhere.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")

REFERENCE = re.compile(r"(?<![\w-])([a-z][a-z-]*)\((\d)\)")

# Files of the repository that are pages under another name.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "include/redelta.h": "c-api.md",
}


def manual(page: Path) -> str:
    """A manual as a page of Markdown, with its name as its title."""
    # After .Ql, mandoc would write the texts of a list as if they were code.
    source = re.sub(r"^\.Ql ", ".Sq Li ", page.read_text(), flags=re.MULTILINE)
    text = subprocess.run(["mandoc", "-T", "markdown"], input=source, check=True, capture_output=True, text=True).stdout
    name, section = page.stem, page.suffix[1:]
    lines = text.splitlines()[1:-1]  # without the line of the head and that of the foot
    body = re.sub(
        r"^# (.)(.*)$", lambda found: f"## {found[1]}{found[2].lower()}", "\n".join(lines), flags=re.MULTILINE
    )
    body = REFERENCE.sub(lambda found: refer(found[1], found[2]) or found[0], body)
    return f"# {name}({section})\n\n{body}\n"


def refer(name: str, section: str) -> str | None:
    """A link to another of our manuals, if it is one."""
    page = f"{name}.{section}"
    return f"[{name}({section})]({page}.md)" if (ROOT / "docs/man" / page).exists() else None


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is not in docs/."""
    for source, page in PAGES.items():
        if source.endswith(".md"):
            files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    for page in sorted((ROOT / "docs/man").iterdir()):
        files.append(File.generated(config, f"man/{page.name}.md", content=manual(page)))
    doxygen = ROOT / "build/docs/doxygen/html"
    for path in sorted(doxygen.rglob("*")):
        if path.is_file():
            files.append(File.generated(config, f"c-api/{path.relative_to(doxygen)}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Turns links that hold in the repository into those that hold on the site."""
    uri = page.file.src_uri
    home = {there: here for here, there in PAGES.items()}.get(uri, f"docs/{uri}")
    folder = (ROOT / home).parent
    depth = "../" * uri.count("/")

    def turn(found: re.Match[str]) -> str:
        target = (folder / found["target"]).resolve()
        if not target.is_relative_to(ROOT) or not target.exists():
            return found[0]
        name = str(target.relative_to(ROOT))
        there = PAGES.get(name) or name.removeprefix("docs/")
        if name.startswith("docs/man/"):
            there += ".md"
        if files.get_file_from_path(there) is None:
            return found["text"]
        return f"[{found['text']}]({depth}{there}{found['anchor'] or ''})"

    return LINK.sub(turn, markdown)
