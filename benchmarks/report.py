"""One Markdown table of results files."""

from collections.abc import Iterable, Sequence

from benchmarks import machine
from benchmarks.results import Results, Row, Summary

HEAD = (
    "Device",
    "Model",
    "Runtime",
    "Threads",
    "Forward p50/p90/p99 ms",
    "Forward-Backward ms",
    "Pre ms",
    "Decode and NMS ms",
    "End to end ms",
    "Instruction set",
    "Quantized",
    "MB",
    "Score",
    "Remark",
)
ABSENT = "–"


def table(results: Sequence[Results]) -> str:
    """Return a Markdown table, one line per row measured.

    The device is always the machine that measured: a row that stands in for an absent device is marked
    `proxy` and stays under the machine it came from.
    """
    rule = ["---"] * len(HEAD)
    body = [_cells(found, row) for found in results for row in found.rows]
    return "\n".join(_line(cells) for cells in [HEAD, rule, *body]) + "\n"


def _cells(found: Results, row: Row) -> list[str]:
    described = dict(found.machine)
    return [
        machine.label(described),
        row.name,
        " ".join([row.runtime, row.versions.get(row.runtime, "")]).strip(),
        str(row.threads),
        " / ".join(f"{row.forward[q]:.2f}" for q in ("p50", "p90", "p99")),
        _middle(row.forward_backward),
        _middle(row.pre),
        _middle(row.post),
        _middle(row.end_to_end),
        machine.strongest(described) or ABSENT,
        row.precision or ABSENT,
        ABSENT if row.mb is None else f"{row.mb:.2f}",
        ABSENT if row.score is None else f"{row.score:.3f}",
        ", ".join(word for word in ("proxy" if row.proxy else "", row.remark) if word) or ABSENT,
    ]


def _middle(summary: Summary | None) -> str:
    return ABSENT if summary is None else f"{summary['p50']:.2f}"


def _line(cells: Iterable[str]) -> str:
    clean = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(clean)} |"
