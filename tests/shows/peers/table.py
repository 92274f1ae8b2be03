"""From files of single seeds to rows of the table: medians over seeds, and how they are printed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]
HEAD = (
    "row", "seeds", "mAP@.5", "mAP", "points of mAP@.5 lost", "points of mAP lost", "MB",
    "forward ms, 1 thread", "end to end ms, 1 thread", "forward / end to end ms, 2 threads",
)  # fmt: skip
ORDER = ("float", "ort", "nncf", "pruned", "naive", "ours")


def single(figures: Mapping[str, Any], times: Mapping[int, Mapping[str, Any]], mb: float) -> Row:
    """The numbers of one file of one seed: mAP as fractions on test, points lost, ms as p50 and by rounds."""
    test, val = figures["test"], figures["val"]
    row = {"map50": test["map50"], "map": test["map"], "val_map50": val["map50"], "val_map": val["map"], "mb": mb}
    for prefix, split in (("", test), ("val_", val)):
        for name, drop in (("map50", "drop"), ("map", "map_drop")):
            row |= {f"{prefix}{drop}_{part}": split["lost"][name][part] for part in ("points", "low", "high")}
    for threads, parts in times.items():
        for part, short in (("forward", "forward"), ("end_to_end", "e2e")):
            row[f"{short}_ms_{threads}t"] = parts[part]["p50"]
            row[f"{short}_spread_{threads}t"] = parts[part]["spread"]
            row[f"{short}_rounds_{threads}t"] = parts[part]["rounds"]
    return row


def merged(name: str, seeds: Mapping[int, Row]) -> Row:
    """One row of the table: the median over seeds of every number, round by round; `each` keeps the seeds' own."""
    keys = next(iter(seeds.values())).keys()
    middle = {key: median([row[key] for row in seeds.values()]) for key in keys}
    each = [{"seed": seed, **row} for seed, row in sorted(seeds.items())]
    return {"name": name, **middle, "seeds": len(seeds), "each": each}


def median(values: Sequence[Any]) -> Any:
    """The median of numbers; of lists the list of medians."""
    if isinstance(values[0], list):
        return [statistics.median(together) for together in zip(*values, strict=True)]
    return statistics.median(values)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Float first, then the peers, then ours; inside a kind the slowest first."""
    return sorted(rows, key=lambda row: (ORDER.index(kind(row)), -row["forward_ms_1t"]))


def kind(row: Row) -> str:
    """What the name begins with."""
    return str(row["name"]).split("-")[0]


def markdown(rows: Sequence[Row]) -> str:
    """The table as it is printed; spread is the rounds' interquartile range over their median."""
    lines = [cells(row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (HEAD, ["---"] * len(HEAD), *lines))


def cells(row: Row) -> list[str]:
    """One line of it."""
    return [
        row["name"],
        str(row["seeds"]),
        f"{row['map50']:.4f}",
        f"{row['map']:.4f}",
        span(row, "drop"),
        span(row, "map_drop"),
        f"{row['mb']:.2f}",
        f"{row['forward_ms_1t']:.3f} ±{row['forward_spread_1t'] / 2:.1%}",
        f"{row['e2e_ms_1t']:.3f} ±{row['e2e_spread_1t'] / 2:.1%}",
        f"{row['forward_ms_2t']:.3f} / {row['e2e_ms_2t']:.3f}" if "forward_ms_2t" in row else "–",
    ]


def span(row: Row, drop: str) -> str:
    """`0.31 [-0.40, 1.02]`."""
    return f"{row[f'{drop}_points']:.2f} [{row[f'{drop}_low']:.2f}, {row[f'{drop}_high']:.2f}]"
