"""What the table proves and what not, worked out from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import timing
from search.pareto import front
from tests.shows.peers.table import Row, kind

FORWARD, WHOLE = "forward_ms_1t", "e2e_ms_1t"


@dataclass(frozen=True, slots=True)
class Goals:
    """How much faster than which rows, at how many points lost to float on test; None: nothing is asked."""

    rivals: tuple[str, ...]
    forward: float
    e2e: float | None
    map50: float
    map: float | None
    front: bool = False
    mb: float | None = None
    float_map50: float | None = None


GOALS = {
    "peers": Goals(("ort", "nncf", "pruned"), 2.5, 2.0, 1.0, 1.5, front=True),
    "peers-vgg": Goals(("float-onnxruntime",), 12.0, None, 0.85, None, mb=10.0, float_map50=0.85),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of the verdict; `reached` is None where nothing was asked."""

    said: str
    reached: bool | None = None

    @property
    def text(self) -> str:
        """As it is printed."""
        return f"{self.said}: {'reached' if self.reached else 'MISSED'}" if self.reached is not None else self.said


def within(row: Row, goals: Goals) -> bool:
    """Whether the median loss on test stays within the points allowed."""
    small = goals.map is None or row["map_drop_points"] <= goals.map
    return bool(row["drop_points"] <= goals.map50 and small)


def named(rows: Sequence[Row], beginnings: Sequence[str]) -> list[Row]:
    """The rows of these kinds, or of these very names."""
    return [row for row in rows if kind(row) in beginnings or row["name"] in beginnings]


def best(rows: Sequence[Row], goals: Goals, by: str) -> Row | None:
    """The fastest row that loses no more than is allowed."""
    return min((row for row in rows if within(row, goals)), key=lambda row: float(row[by]), default=None)


def ours(rows: Sequence[Row], goals: Goals) -> Row:
    """The fastest of our rows that loses no more than is allowed; where none does, the one that loses least."""
    return best(rows, goals, FORWARD) or min(rows, key=lambda row: float(row["drop_points"]))


def verdict(rows: Sequence[Row], goals: Goals) -> list[Line]:
    """Speed against the best rival, points lost, the naive front, MB; one line each."""
    mine = named(rows, ["ours"])
    if not mine:
        return [Line("no row of ours: nothing to judge", False)]
    chosen = ours(mine, goals)
    lines = [*lost(chosen, goals), faster(rows, chosen, goals, FORWARD), faster(rows, chosen, goals, WHOLE)]
    if goals.front:
        lines += [above(named(rows, ["naive"]), chosen, figure) for figure in ("map50", "map")]
    if goals.mb is not None:
        lines.append(Line(f"{chosen['mb']:.2f} MB; goal at most {goals.mb:g}", bool(chosen["mb"] <= goals.mb)))
    if goals.float_map50 is not None:
        lines.append(floor(named(rows, ["float-onnxruntime"]), goals.float_map50))
    return lines


def lost(row: Row, goals: Goals) -> list[Line]:
    """Points lost to float on test, median over seeds, with their paired intervals."""
    lines = []
    for drop, title, limit in (("drop", "mAP@.5", goals.map50), ("map_drop", "mAP", goals.map)):
        low, high = row[f"{drop}_low"], row[f"{drop}_high"]
        said = f"{row['name']}: {row[f'{drop}_points']:.2f} points of {title} lost [{low:.2f}, {high:.2f}]"
        goal = "" if limit is None else f"; goal at most {limit:g}"
        lines.append(Line(said + goal, None if limit is None else bool(row[f"{drop}_points"] <= limit)))
    return lines


def faster(rows: Sequence[Row], mine: Row, goals: Goals, by: str) -> Line:
    """How many times faster than the best rival, forward or end to end."""
    goal = goals.forward if by == FORWARD else goals.e2e
    title = "forward" if by == FORWARD else "end to end"
    rival = best(named(rows, goals.rivals), goals, by)
    if rival is None:
        return Line(f"{title}: none of {', '.join(goals.rivals)} loses no more than is allowed: nothing to beat")
    times, low, high = gained(rival, mine, by)
    said = f"{title}: {mine['name']} {mine[by]:.3f} ms, best rival {rival['name']} {rival[by]:.3f} ms: {times:.2f}x"
    said += f" [{low:.2f}, {high:.2f}]"
    reached = None if goal is None else bool(times >= goal and within(mine, goals))
    return Line(said + ("" if goal is None else f" as fast; goal {goal:g}x within the points allowed"), reached)


def gained(rival: Row, mine: Row, by: str) -> tuple[float, float, float]:
    """How many times faster by the medians; the 95 % interval of the ratio between the same rounds."""
    rounds = (row[by.replace("_ms_", "_rounds_")] for row in (mine, rival))
    child, parent = (timing.Series("", tuple((ms,) for ms in one)) for one in rounds)
    ratio = timing.ratio(child, parent)
    return rival[by] / mine[by], 1 / ratio.high, 1 / ratio.low


def above(naive: Sequence[Row], mine: Row, figure: str) -> Line:
    """Whether no thinner or smaller network is as fast and as good."""
    if not naive:
        return Line("no naive rows: no front to be above", False)
    points = [(row[FORWARD], row[figure]) for row in (*naive, mine)]
    beaten = len(naive) not in front(points, ("minimize", "maximize")) or points[-1] in points[:-1]
    quick = [row for row in naive if row[FORWARD] <= mine[FORWARD]]
    good = [row for row in naive if row[figure] >= mine[figure]]
    rival = max(quick, key=lambda row: float(row[figure]), default=None)
    near = min(good, key=lambda row: float(row[FORWARD]), default=None)
    told = f"best as fast: {rival['name']} {rival[figure]:.4f}" if rival else "none is as fast"
    told += f", fastest as good: {near['name']} {near[FORWARD]:.3f} ms" if near else ", none is as good"
    said = f"{figure} against the naive front: {mine['name']} {mine[figure]:.4f} at {mine[FORWARD]:.3f} ms; {told}"
    return Line(said, not beaten)


def floor(rows: Sequence[Row], least: float) -> Line:
    """Whether the float network is good enough to count."""
    if not rows:
        return Line("no float row", False)
    return Line(
        f"{rows[0]['name']}: mAP@.5 {rows[0]['map50']:.4f}; at least {least:g} counts", rows[0]["map50"] >= least
    )
