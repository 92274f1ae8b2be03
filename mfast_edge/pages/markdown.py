"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mfast_edge.pages.view import View


def markdown(view: View) -> str:
    """The whole page; photos are files beside it."""
    parts = [[f"# {view.title}"], [view.proxy] if view.proxy else [], pairs(view.headline), gates(view)]
    parts += [["## What each stage did"], sentences(view)]
    for table in view.tables:
        parts += [[f"## {table.title}"], lines(table.head, table.rows)]
    if view.curve:
        parts += [[f"## {view.curve.title}"], lines(view.curve.head, view.curve.rows)]
    parts += [["## Test photos"], [view.drawn], photos(view)]
    parts += [["## What was run"], pairs(view.run)]
    parts += [["## Data report"], [f"- {line}" for line in view.findings] or ["Nothing wrong was found."]]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def pairs(told: Iterable[tuple[str, str]]) -> list[str]:
    """`- **Label**: text`."""
    return [f"- **{label}**: {text}" for label, text in told]


def gates(view: View) -> list[str]:
    """One line per gate."""
    return [
        f"- Gate **{gate['name']}**: {gate['value']:.4g} {gate['unit']}, limit {gate['limit']:g}: "
        f"{'passed' if gate['passed'] else 'FAILED'}"
        for gate in view.gates
    ]


def sentences(view: View) -> list[str]:
    """The judge's sentences beside the waterfall's figures."""
    head = ["Stage", *(column.title for column in view.columns), "Judge"]
    return lines(head, [[row["stage"], *(bar.text for bar in bars), row["verdict"]] for row, bars in view.waterfall])


def photos(view: View) -> list[str]:
    """Truth, before, after."""
    cells = [
        [one["name"], *(f"![{kind}]({one[kind]})" for kind in ("truth", "before", "after"))] for one in view.photos
    ]
    return lines(["Photo", "Truth", "Float network", "Final file"], cells)


def lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; a `|` in a cell is escaped."""
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in cells]
