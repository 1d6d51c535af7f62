"""The code blocks of README and documentation, each to be taken by the test that runs it.

A block that no test can run has ``<!-- not run: REASON -->`` in the line above it.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Fences that are the site's own language: tables of contents, reference tables, pictures.
DIRECTIVE = re.compile(r"\{[\w:-]+\}")
FENCE = re.compile(
    r"(?P<mark><!-- not run: (?P<reason>.+?) -->\n\s*)?"
    r"[ ]*```(?P<language>\S+)[^\n]*\n(?P<code>.*?)^[ ]*```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """One code block, and where it stands."""

    page: str
    line: int
    heading: str
    language: str
    code: str
    reason_not_to_run: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines of a console block that a reader would type."""
        return [line.removeprefix("$ ").strip() for line in self.code.splitlines() if line.startswith("$ ")]


class Page:
    """A page of the documentation."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (ROOT / name).read_text()
        self.blocks = list(blocks_in(name, self.text))
        self.taken: list[Block] = []

    def take(self, language: str, under: str | None = None) -> list[Block]:
        """The blocks of ``language``, all or those under one heading. Who takes them runs them."""
        found = [
            block
            for block in self.blocks
            if block.language == language and under in {None, block.heading} and block.reason_not_to_run is None
        ]
        assert found, f"{self.name} has no {language} block" + (f" under {under!r}" if under else "")
        self.taken += found
        return found

    def untaken(self) -> list[Block]:
        """Blocks that nobody runs and that nobody marked."""
        return [block for block in self.blocks if block not in self.taken and block.reason_not_to_run is None]


@cache
def page(name: str) -> Page:
    """The page of this name, the same for all modules that take blocks of it."""
    return Page(name)


def page_names() -> list[str]:
    paths = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")), *ROOT.glob("docs/**/*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in paths if "_build" not in path.parts)


def blocks_in(name: str, text: str) -> list[Block]:
    """The code blocks of Markdown ``text``, without directives; indented ones of lists too."""
    blocks = []
    for fence in FENCE.finditer(text):
        if DIRECTIVE.match(fence["language"]):
            continue
        before = text[: fence.start()]
        headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", before, flags=re.DOTALL), re.MULTILINE)
        blocks.append(
            Block(
                page=name,
                line=before.count("\n") + 1 + (2 if fence["mark"] else 1),
                heading=headings[-1] if headings else "",
                language=fence["language"],
                code=textwrap.dedent(fence["code"]),
                reason_not_to_run=fence["reason"],
            )
        )
    return blocks
