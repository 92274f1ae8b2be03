"""What the report says, in words and cells; HTML and Markdown only lay it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.results import Results
from mfast_edge.pages.curve import Curve, curve
from mfast_edge.pages.tables import (
    Table,
    asked,
    changes,
    confusion,
    counts,
    errors,
    folds,
    layers,
    quality,
    speed,
    stages,
)
from mfast_edge.pages.waterfall import Bar, Measure, measures, waterfall
from mfast_edge.proxy import mixed, score, stood

SPLITS = ("train", "val", "test")
MOST = 50  # findings shown; the rest is in data.json

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a run left behind: final.json, page.json, data.json, results/*.json."""

    final: Json
    page: Json
    findings: Sequence[Json]
    results: Sequence[Results]


@dataclass(frozen=True, slots=True)
class View:
    """The report: pairs of a label and a text, gates, the waterfall, tables, F1 by score, findings, photos."""

    title: str
    proxy: str
    headline: list[tuple[str, str]]
    gates: list[Json]
    columns: tuple[Measure, ...]
    waterfall: list[tuple[Json, list[Bar]]]
    tables: list[Table]
    curve: Curve | None
    run: list[tuple[str, str]]
    findings: list[str]
    photos: list[Json]
    drawn: str


def view(told: Told) -> View:
    """Everything that the report says."""
    final, page = told.final, told.page
    columns = measures(mixed(final, (row["runtime"] for row in final["rows"])), asked(final).COLUMNS[0])
    return View(
        title=f"{final['model']} on {final['data']} for {page['target']}",
        proxy=proxy(final, page),
        headline=headline(final),
        gates=final["gates"],
        columns=columns,
        waterfall=list(zip(final["rows"], waterfall(final["rows"], columns), strict=True)),
        tables=tables(told),
        curve=curve(page),
        run=run(final, page),
        findings=found(told.findings),
        photos=[captioned(photo) for photo in page["photos"]],
        drawn=drawn(final, page),
    )


def tables(told: Told) -> list[Table]:
    """Every table, in the order in which they stand."""
    why = [*changes(told.page), *layers(told.page)]
    test = [quality(told.final), *errors(told.page), *confusion(told.page)]
    return [
        stages(told.final),
        *test,
        *why,
        *(speed(results) for results in told.results),
        *counts(told.page),
        *folds(told.page),
    ]


def proxy(final: Json, page: Json) -> str:
    """The sentence above the figures where the device was absent; else nothing."""
    if not final["proxy"]:
        return ""
    where = "stands in columns of its own" if "board" in final else "is to be judged on the board"
    return (
        f"The device was absent: {stood(final)}, measured on {machine.label(dict(final['here']))}. "
        f"Speed on {page['target']} {where}."
    )


def headline(final: Json) -> list[tuple[str, str]]:
    """File, time, quality, score."""
    test, base, loss = final["metrics"]["test"], final["float"]["test"], final["loss"]
    first = asked(final).COLUMNS[0]
    lost = f"{loss['points']:.2f} points of {first.title} [{loss['low']:.2f}, {loss['high']:.2f}]"
    return [
        ("Final file", f"{final['file']}, {final['mb']:.2f} MB"),
        ("Forward, proxy" if "proxy" in mixed(final, final["ms"]) else "Forward", "; ".join(faster(final))),
        ("Lost on test", f"{lost}: {100 * test[first.key]:.1f} against {100 * base[first.key]:.1f} in float"),
        ("Score", score(final).removeprefix("score ")),
        *measured(final),
    ]


def measured(final: Json) -> list[tuple[str, str]]:
    """What the device itself measured, once its results came back."""
    board = final.get("board")
    if not board:
        return []
    judged = "; ".join(f"{row['stage']} {row['board']['verdict']}" for row in final["rows"] if "board" in row)
    checks = [
        f"{one['onnx']} in {one['runtime']} {one['precision']} on {one.get('label', board['label'])}: {one['said']}"
        for one in board["checks"]
    ]
    return [(f"On {board['label']}", judged or "nothing was timed"), *(("Check there", line) for line in checks)]


def faster(final: Json) -> list[str]:
    """Per runtime, fastest first: the final file's time beside the float network's."""
    threads = counted(final["here"]["threads"], "thread")
    base = final["float"]["ms"]
    return [
        f"{ms:.2f} ms in {runtime}, {base[runtime] / ms:.1f}x as fast as the float network ({base[runtime]:.2f} ms) "
        f"in the same rounds, {threads}"
        if runtime in base
        else f"{ms:.2f} ms in {runtime}"
        for runtime, ms in sorted(final["ms"].items(), key=lambda pair: pair[1])
    ]


def run(final: Json, page: Json) -> list[tuple[str, str]]:
    """What was run, on what."""
    here, data = final["here"], page["data"]
    how = "{} {} photos" if asked(final).WHOLE else "{} {} photos with {} boxes"
    splits = ", ".join(how.format(part, *data["splits"][part]) for part in SPLITS)
    memory = f"{here['memory_gb']} GB" if here["memory_gb"] else ""
    facts = [machine.label(dict(here)), counted(here["cores"], "core"), machine.strongest(dict(here)) or "", memory]
    return [
        ("Command", final["command"]),
        ("Date", final["date"]),
        ("Plan", final["plan"] + (f", budget {final['budget']:g} points" if "budget" in final else "")),
        *(("Left out", line) for line in final["left_out"]),
        ("Data", f"{final['data']}: {splits}; classes {', '.join(data['classes'])}"),
        ("Machine", ", ".join(fact for fact in facts if fact)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in page["versions"].items())),
    ]


def found(findings: Sequence[Json]) -> list[str]:
    """The data report, a line each."""
    lines = [f"{one['path']}: {one['what']}; {one['done']}" for one in findings[:MOST]]
    more = len(findings) - len(lines)
    return lines + ([f"… and {more} more, all in data.json"] if more else [])


def captioned(photo: Json) -> Json:
    """A photo whose drawings have captions; runs of older versions counted boxes alone."""
    counts = {kind: f"{count} boxes" for kind, count in photo.get("boxes", {}).items()}
    return {"captions": counts, **photo}


def drawn(final: Json, page: Json) -> str:
    """What the photos show."""
    if asked(final).WHOLE:
        return "The class, before and after the surest one and its probability."
    return f"Boxes scored {page['drawn']['before']:.2f} (before) and {page['drawn']['after']:.2f} (after) or more."


def counted(count: int, word: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{count} {word}" + ("s" if count != 1 else "")
