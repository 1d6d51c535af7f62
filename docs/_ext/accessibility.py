"""What Sphinx and the theme leave out for people who do not see the page, or have no mouse."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

#: The title of a table of contents is a heading, without the level that WAI-ARIA 1.2 requires of one.
CAPTION, LEVELLED = 'role="heading"', 'role="heading" aria-level="2"'
#: The corner of a table that has headings at two sides: a heading without a word is announced as one.
CORNER, CELL = '<th class="head"><p></p></th>', "<td></td>"


def mend(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    for part in ("body", "furo_navigation_tree"):
        if part in context:
            context[part] = context[part].replace(CAPTION, LEVELLED).replace(CORNER, CELL)


def drop_empty_heads(app: Sphinx, document: nodes.document) -> None:
    """Markdown has no table without a line of headings. Where none of them says anything, the line goes."""
    for head in list(document.findall(nodes.thead)):
        if not head.astext().strip():
            head.parent.remove(head)


def frame_drawings(app: Sphinx, document: nodes.document) -> None:
    """A drawing scrolls inside of this frame where the screen is too narrow for its words."""
    for raw in list(document.findall(nodes.raw)):
        if raw.astext().startswith("<svg"):
            raw.replace_self(nodes.container("", raw.deepcopy(), classes=["drawing"]))


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("doctree-read", drop_empty_heads)
    app.connect("doctree-read", frame_drawings)
    app.connect("html-page-context", mend, priority=900)  # after the theme has made its navigation
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
