"""What was measured, as tables and as a chart. Everything is computed from the JSON that a run writes."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from benchmarks import OPERATIONS
from benchmarks.contenders import CONTENDERS
from benchmarks.pages import table

Results = dict[str, Any]

TITLES = {
    "anonymous": "Public view, nobody signed in",
    "refused": "Protected view, nobody signed in",
    "protected": "Protected GET",
    "refresh": "Refresh",
    "sign_in": "Sign in",
    "sign_out": "Sign out",
}
DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
REFERENCE = "simplejwt"


class Budget(NamedTuple):
    """The most that an operation of this app may cost, as a ratio to what ``reference`` takes for it."""

    contender: str
    operation: str
    reference: str
    queries: int
    ratio: dict[str, float]  # what is not in here has no budget, and is only shown


BUDGETS = [
    Budget("fastauth", "anonymous", REFERENCE, 0, {"sqlite": 1.03, "postgres": 1.03}),
    Budget("fastauth", "refused", REFERENCE, 0, {"sqlite": 1.10, "postgres": 1.10}),
    Budget("fastauth", "protected", REFERENCE, 1, {"sqlite": 0.75, "postgres": 0.92}),
    Budget("fastauth_stateless", "protected", REFERENCE, 0, {"sqlite": 0.50, "postgres": 0.40}),
    Budget("fastauth", "refresh", REFERENCE, 2, {"sqlite": 0.40, "postgres": 0.38}),
    Budget("fastauth", "sign_in", "dj_rest_auth", 3, {"sqlite": 1.10, "postgres": 1.25}),
    Budget("fastauth_without_last_login", "sign_in", "dj_rest_auth", 2, {"sqlite": 1.05, "postgres": 1.05}),
    Budget("fastauth", "sign_out", REFERENCE, 2, {"sqlite": 0.50, "postgres": 0.45}),
]
#: With prepared statements, against a reference that has none and one that has them, too. On PostgreSQL alone.
PREPARED_BUDGETS = [
    (Budget("fastauth", "protected", REFERENCE, 1, {"postgres": 0.75}), False),
    (Budget("fastauth", "protected", REFERENCE, 1, {}), True),
]


class Ratio(NamedTuple):
    """The median of the ratios of all rounds, and their quartiles."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f}"


def ratio(
    contenders: dict[str, Any],
    name: str,
    operation: str,
    reference: str = REFERENCE,
    *,
    prepared: tuple[bool, bool] = (False, False),
) -> Ratio | None:
    """What ``name`` takes for ``operation`` in terms of ``reference``, round by round; None where one has no such.

    ``prepared`` says of each of the two whether it prepares its statements.
    """
    own, other = (
        findings(contenders[each], operation, prepared=has)
        for each, has in zip((name, reference), prepared, strict=True)
    )
    if own is None or other is None:
        return None
    rounds = [mine / theirs for mine, theirs in zip(own["rounds"], other["rounds"], strict=True)]
    low, _median, high = quantiles(rounds, n=4) if len(rounds) > 1 else rounds * 3
    return Ratio(median(rounds), low, high)


def findings(contender: dict[str, Any], operation: str, *, prepared: bool = False) -> dict[str, Any] | None:
    """What was measured; None where the contender has no such operation, or asks no database that could prepare it."""
    measured = contender.get("prepared", {"operations": {}}) if prepared else contender
    found: dict[str, Any] | None = measured["operations"].get(operation)
    return found


def measured_operations(results: Results) -> list[str]:
    return [operation for operation in OPERATIONS if operation in results["operations"]]


def as_markdown(results: Results) -> str:
    """The page's tables: budgets, one for each operation and database, and what stays behind."""
    parts = [_budgets(results)]
    for operation in measured_operations(results):
        for database, contenders in results["databases"].items():
            parts.append(f"### {TITLES[operation]}, {DATABASES[database]}\n\n{_times(contenders, operation)}")
    parts += [f"### What stays behind\n\n{_remains(results)}", _circumstances(results)]
    return "\n\n".join(parts) + "\n"


def _budgets(results: Results) -> str:
    rows: list[list[object]] = []
    asked = [(budget, (False, False)) for budget in BUDGETS]
    if any("prepared" in contender for each in results["databases"].values() for contender in each.values()):
        asked += [(budget, (True, has)) for budget, has in PREPARED_BUDGETS]
    for (name, operation, reference, queries, limits), prepared in asked:
        if operation in results["operations"]:
            labels = [
                CONTENDERS[each].label + ", prepared" * has
                for each, has in zip((name, reference), prepared, strict=True)
            ]
            row: list[object] = [TITLES[operation], *labels, f"at most {queries}"]
            for database, contenders in results["databases"].items():
                limit = f"{limits[database]:.2f}" if database in limits else "n/a"
                own = findings(contenders[name], operation, prepared=prepared[0])
                seen = ratio(contenders, name, operation, reference, prepared=prepared)
                row += [limit, f"{seen} ({own['queries']})" if own else "n/a"]
            rows.append(row)
    head = ["operation", "of", "against", "queries"]
    for database in results["databases"]:
        head += [f"budget, {DATABASES[database]}", "measured (queries)"]
    return table(head, rows)


def _times(contenders: dict[str, Any], operation: str) -> str:
    rows: list[list[object]] = []
    for name, contender in contenders.items():
        own = contender["operations"].get(operation)
        if own is not None:
            low, middle, high = (f"{nanoseconds / 1000:.0f}" for nanoseconds in own["quartiles"])
            compared = ratio(contenders, name, operation)
            in_rounds = f"{compared} ({compared.low:.2f} to {compared.high:.2f})" if compared else "n/a"
            label = CONTENDERS[name].label
            worked, set_cookie = f"{own['processor'] / 1000:.0f}", own["set_cookie"] or "none"
            row = [label, own["queries"], middle, f"{low} to {high}", worked, in_rounds, set_cookie]
            rows.append(row + _prepared(contenders, name, operation))
    head = ["", "queries", "µs", "half of all", "µs of the processor", "ratio to simplejwt", "`Set-Cookie`, bytes"]
    if any(findings(contender, operation, prepared=True) for contender in contenders.values()):
        return table([*head, "prepared: µs", "ratio to simplejwt, prepared", "to simplejwt, not prepared"], rows)
    return table(head, [row[: len(head)] for row in rows])


def _prepared(contenders: dict[str, Any], name: str, operation: str) -> list[object]:
    own = findings(contenders[name], operation, prepared=True)
    if own is None:
        return ["n/a"] * 3
    ratios = [ratio(contenders, name, operation, prepared=(True, has)) for has in (True, False)]
    return [f"{own['quartiles'][1] / 1000:.0f}", *(each or "n/a" for each in ratios)]


def _remains(results: Results) -> str:
    first = next(iter(results["databases"].values()))
    rows: list[list[object]] = []
    for name, contender in first.items():
        megabytes = [f"{each[name]['peak_memory'] / 1024:.0f}" for each in results["databases"].values()]
        rows.append([CONTENDERS[name].label, contender.get("rows", "n/a"), *megabytes])
    head = [f"{DATABASES[database]}: peak memory, MiB" for database in results["databases"]]
    for contenders in results["databases"].values():
        if any("prepared" in contender for contender in contenders.values()):
            head += ["its connection in the server, KiB", "prepared"]
            for row, contender in zip(rows, contenders.values(), strict=True):
                both = (contender, contender.get("prepared", {}))
                row += [each.get("connection_memory") or "n/a" for each in both]
    return table(["", f"rows of one device after {results['refreshes']} refreshes", *head], rows)


def _circumstances(results: Results) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    setups = [f"- **{kind.label}** ({kind.distribution}): {kind.setup}" for kind in CONTENDERS.values()]
    return "\n".join(
        [
            f"Run on {results['date']}, {results['rounds']} rounds, on {results['machine']}, with {versions}:",
            "",
            *setups,
        ]
    )


# --- The chart -----------------------------------------------------------------------------------------------------

# Two panels are as wide as the column of text, so that the words of the drawing are as large as those around it.
BAR, GAP, HEAD, LEFT, PANEL, MARGIN = 15, 4, 34, 200, 165, 12
# It becomes part of a page, so it takes the page's colours, and brings no style sheet that others would have to obey.
OWN, PEER = 'fill="#2f81c7"', 'fill="currentColor" opacity="0.3"'
LINE = 'stroke="currentColor" stroke-dasharray="3 3" opacity="0.6"'
NUMBER = 'style="paint-order: stroke; stroke: var(--color-background-primary, #fff); stroke-width: 4px"'


def as_svg(results: Results) -> str:
    """Bars for every operation and database: how long each takes, in terms of simplejwt."""
    shown: list[str] = []
    top = 0
    for operation in measured_operations(results):
        heights = []
        for column, (database, contenders) in enumerate(results["databases"].items()):
            left = column * (LEFT + PANEL + MARGIN)
            title = f"{TITLES[operation]}, {DATABASES[database]}"
            drawn, height = _panel(contenders, operation, left, top, title)
            shown += drawn
            heights.append(height)
        top += max(heights) + MARGIN
    width = len(results["databases"]) * (LEFT + PANEL + MARGIN)
    note = "Time of one request, with simplejwt's (rotation and blacklist) as 1. Less is better."
    shown.append(_text(0, top, f"{note} {results['date']}", 'opacity="0.7"'))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top + MARGIN}" role="img"'
        ' aria-labelledby="performance-title performance-desc" style="width: 100%; height: auto"'
        ' font-family="system-ui, sans-serif" font-size="12" fill="currentColor">\n'
        f'<title id="performance-title">{escape(note)}</title>\n'
        f'<desc id="performance-desc">{escape(_in_words(results))}</desc>\n' + "\n".join(shown) + "\n</svg>\n"
    )


def _in_words(results: Results) -> str:
    """What the bars of this app say."""
    sentences = []
    for operation in measured_operations(results):
        for database, contenders in results["databases"].items():
            ratios = [
                f"{each} of the time for {CONTENDERS[name].label}"
                for name in contenders
                if name.startswith("fastauth") and (each := ratio(contenders, name, operation)) is not None
            ]
            sentences.append(f"{TITLES[operation]} on {DATABASES[database]}: {', '.join(ratios)}.")
    return " ".join(sentences)


def _panel(contenders: dict[str, Any], operation: str, left: int, top: int, title: str) -> tuple[list[str], int]:
    ratios = [(name, each) for name in contenders if (each := ratio(contenders, name, operation)) is not None]
    unit = (PANEL - 40) / max(each.middle for _name, each in ratios)
    drawn = [_text(left, top + 12, title, 'font-weight="600"')]
    x, y = left + LEFT + unit, top + HEAD - BAR
    bottom = y + len(ratios) * (BAR + GAP)
    drawn.append(f'<line {LINE} x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{bottom}"/>')
    for name, each in ratios:
        kind = OWN if name.startswith("fastauth") else PEER
        length = each.middle * unit
        drawn += [
            _text(left + LEFT - 8, y + BAR - 3, CONTENDERS[name].label, 'text-anchor="end"'),
            f'<rect {kind} x="{left + LEFT}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
            _text(round(left + LEFT + length + 5), y + BAR - 3, str(each), NUMBER),
        ]
        y += BAR + GAP
    return drawn, bottom - top


def _text(x: int, y: int, text: str, attributes: str) -> str:
    return f'<text x="{x}" y="{y}" {attributes}>{escape(text)}</text>'
