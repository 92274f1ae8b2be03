"""Markdown of results files: a table of speed, a table of details, and what must be said beside them."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks import gates, machine, timing
from benchmarks.results import Results, Row, Summary

HEAD = (
    "Device",
    "Model",
    "Input",
    "Runtime",
    "Forward ms",
    "Forward-Backward ms",
    "Instruction set",
    "Quantized",
    "Fused-BN",
    "Remark",
)
ABSENT = "–"
WORDS = {True: "on", False: "off", None: ABSENT}

Cell = Callable[[Row], str]


def table(results: Sequence[Results]) -> str:
    """Return Markdown: a line per row measured, its details where there are any, and warnings.

    The device is always the machine that measured: a row that stands in for an absent device is marked
    `proxy` and stays under the machine it came from.
    """
    speed = [_cells(found, row) for found in results for row in found.rows]
    parts = ["\n".join(_line(cells) for cells in [HEAD, ["---"] * len(HEAD), *speed])]
    rows = [row for found in results for row in found.rows if row.forward]
    if rows:
        parts.append(details(rows))
    said = [f"- {sentence}" for found in results for sentence in warnings(found)]
    return "\n\n".join([*parts, *(["\n".join(said)] if said else [])]) + "\n"


def details(rows: Sequence[Row]) -> str:
    """Return the second table: percentiles, what surrounds the forward, memory, weight, roof, score, gates.

    A column that no row fills is left out.
    """
    filled = [(head, [cell(row) for row in rows]) for head, cell in DETAILS.items()]
    kept = [(head, cells) for head, cells in filled if set(cells) != {ABSENT}]
    lines = [[head for head, _ in kept], ["---"] * len(kept), *zip(*(cells for _, cells in kept), strict=True)]
    return "\n".join(_line(cells) for cells in lines)


def warnings(found: Results) -> list[str]:
    """Return what a reader must know: where and how it was measured, what spoils it, where int8 does not pay."""
    streams = [(row, row.stream) for row in found.rows if row.stream and not _ruled(row.stream)]
    short = dict.fromkeys(f"{_title(row)}: {_short(stream)}" for row, stream in streams)
    return [*found.notes, *(f"WARNING: {line}" for line in [*found.trouble, *slower(found.rows)]), *short]


def slower(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for every int8 row that is slower than the fastest float row beside it.

    Beside it: of the same model, in the same runtime, on as many threads, at the same batch. Nothing is said of
    rows whose model is not known, nor of a proxy's, which tell nothing of int8 on the device.
    """
    told = []
    known = [row for row in rows if row.model and row.forward and not row.proxy]
    for row in known:
        beside = [one for one in known if _place(one) == _place(row) and one.precision != "int8"]
        if row.precision != "int8" or row.forward is None or not beside:
            continue
        best = min((one.forward["p50"], one.precision) for one in beside if one.forward)
        if row.forward["p50"] > best[0]:
            told.append(f"int8 does not pay: {_title(row)} {row.forward['p50']:.2f} ms, {best[1]} {best[0]:.2f} ms")
    return told


def _place(row: Row) -> tuple[object, ...]:
    return row.model, row.runtime.partition("-")[0], row.threads, row.batch


def _title(row: Row) -> str:
    return f"{row.name} in {_runtime(row)}, {row.threads} threads, batch {row.batch}"


def _ruled(stream: Summary) -> bool:
    return timing.by_the_rule(dict(stream))


def _short(stream: Summary) -> str:
    rule = f"{timing.STREAM_QUERIES} queries and {timing.STREAM_SECONDS:.0f} s"
    return f"single stream of {stream['calls']:.0f} queries in {stream['seconds']:.0f} s; MLPerf's rule is {rule}"


def _cells(found: Results, row: Row) -> list[str]:
    described = dict(found.machine)
    return [
        machine.label(described),
        row.name,
        ", ".join("x".join(map(str, sizes)) for sizes in row.inputs.values()) or ABSENT,
        _runtime(row),
        _middle(row.forward),
        _middle(row.forward_backward),
        machine.strongest(described) or ABSENT,
        row.precision or ABSENT,
        WORDS[row.fused],
        ", ".join(word for word in ("proxy" if row.proxy else "", row.remark) if word) or ABSENT,
    ]


def _runtime(row: Row) -> str:
    version = row.versions.get(row.runtime.partition("-")[0], "").split("-")[0]  # OpenVINO's goes on with its commit
    return " ".join(word for word in (row.runtime, version, row.how) if word)


def _percentiles(row: Row) -> str:
    return ABSENT if row.forward is None else " / ".join(f"{row.forward[q]:.2f}" for q in ("p50", "p90", "p99"))


def _spread(row: Row) -> str:
    return f"{row.forward['spread']:.1%}" if row.forward and "spread" in row.forward else ABSENT


def _rate(row: Row) -> str:
    return f"{row.batch / row.forward['p50'] * 1e3:.1f}" if row.forward and row.forward["p50"] else ABSENT


def _memory(row: Row) -> str:
    if row.memory is None:
        return ABSENT
    return f"{row.memory['peak']:.0f} (+{row.memory['peak'] - row.memory['before']:.0f})"


def _roof(row: Row) -> str:
    return f"{row.roof / row.forward['p50']:.0%}" if row.roof and row.forward and row.forward["p50"] else ABSENT


def _gates(row: Row) -> str:
    """The gates that the row brings, else that on its weight."""
    weight = gates.weight(round(row.mb * 1e6)) if row.mb is not None else None
    found = [(one["name"], one["passed"]) for one in row.gates] or ([(weight.name, weight.passed)] if weight else [])
    return ", ".join(f"{name} {'passed' if passed else 'FAILED'}" for name, passed in found) or ABSENT


def _stream(row: Row) -> str:
    return ABSENT if row.stream is None else f"{row.stream['p90']:.2f} ({row.stream['calls']:.0f} queries)"


def _middle(summary: Summary | None) -> str:
    return ABSENT if summary is None else f"{summary['p50']:.2f}"


def _line(cells: Iterable[str]) -> str:
    clean = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(clean)} |"


DETAILS: dict[str, Cell] = {
    "Model": lambda row: row.name,
    "Runtime": _runtime,
    "Quantized": lambda row: row.precision or ABSENT,
    "Fused-BN": lambda row: WORDS[row.fused],
    "Threads": lambda row: str(row.threads),
    "Batch": lambda row: str(row.batch),
    "Forward p50 / p90 / p99 ms": _percentiles,
    "Spread": _spread,
    "Images/s": _rate,
    "Pre ms": lambda row: _middle(row.pre),
    "Decode and NMS ms": lambda row: _middle(row.post),
    "End to end ms": lambda row: _middle(row.end_to_end),
    "Single stream p90 ms": _stream,
    "Peak MB (over libraries)": _memory,
    "MB": lambda row: ABSENT if row.mb is None else f"{row.mb:.2f}",
    "Of the roof": _roof,
    "F1": lambda row: ABSENT if row.f1 is None else f"{row.f1:.3f}",
    "Score": lambda row: ABSENT if row.score is None else f"{row.score:.3f}",
    "Gates": _gates,
}
