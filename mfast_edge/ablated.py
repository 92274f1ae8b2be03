"""An ablation done: every row made through the store, measured beside the base, written after each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.ablation import Ablation, Row, Trial, comparable, rows, trial
from mfast_edge.contrast import Json, Side, contrasted
from mfast_edge.cutoffs import having
from mfast_edge.errors import Diverged, UserError
from mfast_edge.pages.markdown import lines
from mfast_edge.pipeline import expected, make
from mfast_edge.run import Asked, judged
from mfast_edge.store import write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfast_edge.terminal import Terminal

CLOCK = ("ms", "x the base's", "MB", "score", "")
Group = list[Trial]  # a row at each seed


def planned(ablation: Ablation, asked: Asked, terminal: Terminal) -> list[Group]:
    """Every row at every seed, the base first; all of the user's mistakes are found here, before any training."""
    groups = [[trial(ablation, row, nth, asked, terminal) for nth in range(ablation.seeds)] for row in rows(ablation)]
    for group in groups[1:]:
        for base, other in zip(groups[0], group, strict=True):
            comparable(base, other)
    return groups


def ablated(groups: Sequence[Group], folder: Path, about: Json, tell: Callable[[str], None]) -> Json:
    """The table as JSON; ablation.json and .md in `folder` hold what is known after each row.

    What a row's settings cannot be made into (weights that do not fit, a loss that is no number) is its remark.
    """
    bases = [side(one) for one in groups[0]]
    shop = bases[0].shop
    columns = {column.key: column.title for column in shop.task.BRIEF}
    found: Json = {**about, "columns": columns, "proxy": not shop.target.here, "rows": []}
    for group in groups:
        row = group[0].row
        try:
            others = bases if group is groups[0] else [side(one) for one in group]
            told = contrasted(list(zip(bases, others, strict=True)), folder / "races")
        except (UserError, Diverged) as wrong:
            if group is groups[0]:
                raise
            told = {"remark": str(wrong)}
        found["rows"].append({"factor": row.factor, "value": row.value, "changes": row.changes or {}, **told})
        tell("  ".join(part for part in cells(found["rows"][-1], columns) if part))
        write_json(folder / "ablation.json", found)
        (folder / "ablation.md").write_text("\n".join(markdown(found)) + "\n")
    return found


def side(one: Trial) -> Side:
    """What the plan makes, every stage kept, with the row's thresholds."""
    current = one.shop.root
    for name, stage in one.plan.stages:
        current, _ = make(name, stage, current, one.shop, one.plan.seed)
    return Side(one.shop, having(one.shop.store, current, one.cutoffs))


def ahead(groups: Sequence[Group], folder: Path) -> Iterator[tuple[Row, float]]:
    """Each row and the minutes that its trainings may take; what several need is counted where it comes first."""
    seen: set[str] = set()
    for group in groups:
        stages = [stage for one in group for stage in expected(one.plan, one.shop, judged(one.plan, one.shop, folder))]
        todo = {stage.key: stage.minutes for stage in stages if not stage.done and stage.key not in seen}
        seen |= todo.keys()
        yield group[0].row, sum(todo.values())


def markdown(found: Mapping[str, Any]) -> list[str]:
    """The table, and how to read it."""
    seeds = (
        f", means over {found['seeds']} seeds (in brackets the lowest and the highest)" if found["seeds"] > 1 else ""
    )
    clock = "by proxy, " if found["proxy"] else ""
    about = f"{found['model']} on {found['data']} for {found['target']}, on val{seeds}; one factor at a time."
    reading = (
        "`gained`: points of the headline over the base on the same photos, 95 % paired bootstrap interval; time: "
        f"{clock}photo to detections in alternating rounds with the base; score: the base's is 1, lower is better."
    )
    return [f"# {found['title'] or found['name']}", "", about, "", *lines(*table(found)), "", reading]


def table(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows; the first figure is the headline."""
    titles = list(found["columns"].values())
    head = ["factor", "value", titles[0], "gained", *titles[1:], *CLOCK]
    return head, [cells(row, found["columns"]) for row in found["rows"]]


def cells(row: Mapping[str, Any], columns: Mapping[str, str]) -> list[str]:
    """One line of the table."""
    head = [row["factor"] or "the base", row["value"]]
    if "remark" in row:
        return [*head, *[""] * (len(columns) + len(CLOCK)), row["remark"]]
    quality, spread = row["quality"], row["spread"]
    first, *others = (f"{100 * quality[key]:.2f}" if key in quality else "–" for key in columns)
    wide = f" ({spread['low']:.2f} to {spread['high']:.2f})" if len(row["keys"]) > 1 else ""
    points = {**row["gained"], "median": row["gained"]["points"]}
    score = {**row["score"], "median": row["score"]["score"]}
    figures = [first + wide, ranged(points, 2) if row["factor"] else "", *others]
    clock = [f"{row['ms']:.2f} {row['runtime']}", ranged(row["ratio"], 3)]
    return [*head, *figures, *clock, f"{row['mb']:.2f}", ranged(score, 3), ""]


def ranged(one: Mapping[str, float], digits: int) -> str:
    """`0.51 [0.40, 0.62]`."""
    return "{median:.{d}f} [{low:.{d}f}, {high:.{d}f}]".format(d=digits, **one)
