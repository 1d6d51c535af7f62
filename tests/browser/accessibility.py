"""axe-core, which finds what keeps people from using a page who do not see it, or have no mouse."""

from pathlib import Path
from typing import Any

from tests.browser import npm

AXE = Path(__file__).parent / "axe"
SIZES = [{"width": 1280, "height": 800}, {"width": 375, "height": 800}]
#: All rules of axe, those of good practice too. A page has noticed its new width two frames later.
RUN = """async (exclude) => {
    for (const frame of [1, 2]) await new Promise(requestAnimationFrame);
    const { violations } = await axe.run({exclude}, {resultTypes: ["violations"], preload: false});
    return violations.flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.target.join(" ")}`));
}"""


def axe() -> str:
    """The script, for :func:`findings`."""
    with npm.packages(AXE) as modules:
        return (modules / "axe-core/axe.min.js").read_text()


def findings(page: Any, script: str, without: str | None = None) -> list[str]:
    """What axe finds on what ``page`` shows, on a large and on a small screen: rule and element.

    ``without`` selects what other pages have too, and a test looks over there.
    """
    page.evaluate(script)  # which no Content-Security-Policy of the page refuses
    found = []
    for size in SIZES:
        page.set_viewport_size(size)
        found += [f"{size['width']}: {each}" for each in page.evaluate(RUN, [without] if without else [])]
    return found
