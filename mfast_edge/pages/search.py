"""A search as a page: search.json, search.md and a self-contained search.html, from the study's trials alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfast_edge.data.report import save
from mfast_edge.pages import charts
from mfast_edge.pages.html import rendered
from mfast_edge.pages.markdown import lines, pairs
from mfast_edge.pages.tables import Table
from mfast_edge.spaces import Space
from mfast_edge.tasks.task import ABSENT
from search.importance import importances
from search.pareto import front
from search.space import parse

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What the page says: pairs of a label and a text, drawings, bars of importance, tables."""

    title: str
    headline: list[tuple[str, str]]
    plots: list[charts.Plot]
    bars: list[tuple[str, list[tuple[str, float]]]]
    parallel: charts.Parallel | None
    tables: list[Table]


def write(told: Json, folder: Path) -> None:
    """search.json and both pages."""
    save(folder / "search.json", json.dumps(told, indent=1) + "\n")  # objectives stay in their order
    page = view(told)
    save(folder / "search.md", markdown(page))
    save(folder / "search.html", rendered("search.html", view=page))


def view(told: Json) -> View:
    """Everything that the page says."""
    space = Space(**told["space"])
    complete = sorted((one for one in told["trials"] if one["state"] == "complete"), key=lambda one: one["number"])
    winner = told["winner"]["id"] if told["winner"] else None
    edge = {one["id"] for one in front_of(complete, space)}
    bars = weights(complete, space)
    ordered = [name for name, _ in bars[0][1]] if bars else list(space.knobs)
    drawn = [
        charts.pareto(complete, space.objectives, edge, winner),
        charts.progress(complete, space.objectives, winner),
    ]
    return View(
        title=f"Search {space.name}: {told['model']} on {told['data']} for {told['target']}",
        headline=headline(told, space),
        plots=[plot for plot in drawn if plot],
        bars=bars,
        parallel=charts.parallel(complete, ordered, space.objectives, winner),
        tables=tables(told, edge, bars),
    )


def front_of(complete: Sequence[Json], space: Space) -> list[Json]:
    """The trials that no other one beats."""
    return (
        [complete[place] for place in front([one["values"] for one in complete], space.directions)] if complete else []
    )


def weights(complete: Sequence[Json], space: Space) -> list[tuple[str, list[tuple[str, float]]]]:
    """For each objective the knobs' shares, the largest first; nothing where too few trials tell."""
    params, knobs = [one["params"] for one in complete], parse(space.knobs)
    found = list[tuple[str, list[tuple[str, float]]]]()
    for place, (name, way) in enumerate(space.objectives.items()):
        told = importances(knobs, params, [one["values"][place] for one in complete], way)
        if told:
            found.append((name, sorted(told.items(), key=lambda pair: -pair[1])))
    return found


def headline(told: Json, space: Space) -> list[tuple[str, str]]:
    """Winner, rule, trials, what was asked."""
    counts = told["counts"]
    states = ", ".join(f"{counts[state]} {state}" for state in ("complete", "rejected", "pruned", "failed", "running"))
    goals = ", ".join(f"{name} {way}" for name, way in space.objectives.items())
    limits = ", ".join(f"{name} {limit}" for name, limit in space.limits.items()) or "none"
    found = [("Trials", f"{counts['finished']} finished: {states}")]
    if winner := told["winner"]:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in winner["figures"].items())
        found = [
            ("Winner", winner["why"]),
            ("Its figures", figures),
            ("Its settings", settings(winner["params"])),
            *([("To train it again", winner["again"])] if "again" in winner else []),
            *found,
        ]
    return [
        *found,
        ("Objectives", goals),
        ("Limits", limits),
        ("Sampler, pruner", f"{space.sampler}, {space.pruner}"),
        ("Trials train with", settings(space.proxy) or "the plan's own settings"),
        ("ms", f"{space.clock} on {told['machine']}"),
        ("Study", f"{told['study']} in {told['storage']}, seed {told['seed']}"),
        ("Command", told["command"]),
    ]


def tables(told: Json, edge: set[int], bars: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> list[Table]:
    """Pareto front, importances, every trial."""
    trials = told["trials"]
    shares = [Table(f"What decides {name}", ["Setting", "Share"], cells(found)) for name, found in bars]
    best = [lineage(one) for one in trials if one["id"] in edge]
    return [
        *([Table("The best, timed again with nothing else running", AGAIN, again(told))] if told.get("finals") else []),
        Table("Pareto front", HEAD, best),
        *shares,
        Table("All trials", HEAD, [lineage(one) for one in trials]),
    ]


AGAIN = ["Trial", "Quality", "ms in the trial", "ms", "/ the reference's", "Score", "Within the limits"]


def again(told: Json) -> list[list[str]]:
    """A row for each trial that was timed again, the fastest first."""
    before = {one["id"]: one["figures"]["ms"] for one in told["trials"] if "ms" in one["figures"]}
    rows = sorted(told["finals"], key=lambda one: one["figures"]["ms"])
    return [finalist(one, before[one["id"]]) for one in rows]


def finalist(one: Json, before: float) -> list[str]:
    """Such a row; no score where it is no objective."""
    figures = one["figures"]
    score = f"{figures['score']:.3f}" if "score" in figures else ABSENT
    told = (f"{figures['quality']:.4f}", f"{before:.3f}", f"{figures['ms']:.3f}", f"{figures['ratio']:.3f}")
    return [str(one["id"]), *told, score, "yes" if one["within"] else "no"]


HEAD = ["Trial", "State", "Quality", "ms", "MB", "Parameters", "Seconds", "Key", "Settings", "Comes from", "Why"]


def lineage(one: Json) -> list[str]:
    """A trial in cells."""
    figures = one["figures"]
    came = [f"{figures[name]:{form}}" if name in figures else ABSENT for name, form in FORMS]
    before = [f"trial {one['retried']}, which was broken off"] if one["retried"] is not None else []
    before += [f"bred from {', '.join(map(str, one['parents']))}"] if one["parents"] else []
    key = one["key"] or ABSENT
    told = [str(one["id"]), one["state"], *came, f"{one['seconds']:.0f}", key, settings(one["params"])]
    return [*told, "; ".join(before) or ABSENT, one["why"] or ABSENT]


FORMS = (("quality", ".4f"), ("ms", ".3f"), ("mb", ".3f"), ("parameters", ".0f"))


def cells(found: Sequence[tuple[str, float]]) -> list[list[str]]:
    """Shares as text."""
    return [[name, f"{share:.0%}"] for name, share in found]


def settings(params: Json) -> str:
    """`train.lr=0.001, model.size=96`."""
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )


def markdown(page: View) -> str:
    """The page without its drawings."""
    parts = [[f"# {page.title}"], pairs(page.headline)]
    for table in page.tables:
        parts += [[f"## {table.title}"], lines(table.head, table.rows)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
