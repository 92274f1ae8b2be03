"""What a device measured comes back to its run: joined, and the stored candidates judged again by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine, results, timing
from mfast_edge.arrived import arrived, board, columns, deciding, graph, merged, store
from mfast_edge.errors import UserError
from mfast_edge.likened import likened
from mfast_edge.settings import check
from mfast_edge.store import read_json, write_json
from mfast_edge.target import Target
from mfast_edge.verdict import WHOLE, Verdict, returned, settle

PARITY = ("passed", "matched", "total", "photos")  # what is told of it here
LIKENESS = ("passed", "cosine", "max_abs", "photos")  # the same of a graph whose decoder nobody knows
BROUGHT = "board"  # the folder in a run's where results that came back are kept as they came


class Timed(NamedTuple):
    """A candidate's graph as the device timed it, the device's name, and when."""

    series: timing.Series
    row: results.Row
    machine: str
    date: str


def join(run: Path, files: Sequence[Path]) -> dict[str, Any]:
    """The run's final.json with what the device measured, after all of it was stored.

    UserError for a folder that is no finished run, results of another device or of another run.
    """
    final, target = read_json(run / "final.json"), read_json(run / "target.json")
    if final is None or target is None:
        raise UserError(
            f"{run}: no finished run with a bundle; the folder whose bundle went to the board would be right"
        )
    device = check(Target, target, str(run / "target.json"))
    brought = [suited(path, device, final) for path in files]
    for path, made in zip(files, brought, strict=True):
        store(run / BROUGHT, path.name, made)
    joined = attach(final, run)
    write_json(run / "final.json", joined)
    return joined


def suited(path: Path, device: Target, final: Mapping[str, Any]) -> results.Results:
    """A results file, if it was measured on the run's device and of the run's candidates."""
    try:
        made = results.read(path)
    except results.ResultsError as wrong:
        raise UserError(str(wrong)) from None
    here = made.machine
    gpu = bool(here.get("gpus") or here.get("l4t")) or "tensorrt" not in device.runtimes
    if here.get("arch") not in device.arch or device.board not in (here.get("board") or "") or not gpu:
        raise UserError(
            f"{path}: measured on {machine.label(dict(here))}, which is no {device.title}; results of run.py there "
            "would be right"
        )
    if odd := [row.name for row in made.rows if not whole(row)]:
        raise UserError(f"{path}: {odd[0]}: no result of the bundle's run.py bench or check; theirs would be right")
    if few := [row for row in made.rows if len(row.options.get("medians", [0.0] * timing.FEWEST)) < timing.FEWEST]:
        raise UserError(
            f"{path}: {few[0].name}: timed in {len(few[0].options['medians'])} rounds, which decide nothing; run.py "
            f"bench --rounds {timing.FEWEST} or more would be right"
        )
    known = {row["key"] for row in final["rows"]}
    strange = [row for row in made.rows if not known & set(row.options.get("keys", ()))]
    if strange or not made.rows:
        raise UserError(f"{path}: of another bundle; results of {final['key']}'s bundle would be right")
    return made


def whole(row: results.Row) -> bool:
    """Whether a row says of a graph what run.py says: whose it is, and its rounds' times or how alike it is."""
    told = row.options
    timed, alike = told.get("medians", [1.0]), told.get("parity", dict.fromkeys(PARITY))
    return (
        isinstance(told.get("keys"), list)
        and isinstance(told.get("onnx"), str)
        and bool({"medians", "parity"} & told.keys())
        and isinstance(timed, list)
        and bool(timed)
        and all(isinstance(ms, int | float) and ms > 0 for ms in timed)
        and isinstance(alike, dict)
        and (set(PARITY) <= alike.keys() or set(LIKENESS) <= alike.keys())
    )


def attach(final: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """`final` with what came back: results/<machine>.json, new verdicts, a `board` for the run and for each row.

    Rows are judged by the board that was timed last alone, with the target's threads if it was timed with those; what
    others took, and it with other threads, stands under `others`, each by itself. As it is where nothing came back.
    """
    brought = [results.read(path) for path in arrived(run / BROUGHT)]
    if not brought:
        return dict(final)
    benches = [made for made in brought if any("medians" in row.options for row in made.rows)]
    for made in merged(benches):
        place = results.place(run / "results", made)
        results.write(place, beside(place, made))
    target = read_json(run / "target.json")
    every, threads = columns(benches or brought), target.get("threads", 1)
    last = deciding(every, threads)
    rows = [judged(row, [fitting(made, target["runtimes"]) for made in last], run, final) for row in final["rows"]]
    kept = [row["stage"] for row in rows if row.get("board", row)["keep"]]
    found = {**told(last, threads), "kept": kept, "checks": list(checks(brought))}
    others = [
        {**told(one, threads), **times(one, target["runtimes"], final["rows"])} for one in every if one is not last
    ]
    if timed := [one for one in others if one["ms"]]:
        found["others"] = timed
    return {**final, "rows": rows, "board": found}


def told(mine: Sequence[results.Results], threads: int) -> dict[str, Any]:
    """A board in words, with its threads where the target has not so many; its name among machines, the date of its
    last file."""
    here = dict(mine[-1].machine)
    used = here.get("threads")
    label = machine.label(here) + (f", {used} thread{'s' * (used != 1)}" if used not in (None, threads) else "")
    return {"label": label, "machine": machine.name(here), "date": mine[-1].date}


def times(
    mine: Sequence[results.Results], runtimes: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """`ms` and `dates`, {stage: …}, of what a board timed, each where it was fastest in its last file."""
    benches = [fitting(made, runtimes) for made in mine]
    found = {row["stage"]: last for row in rows if (last := latest(benches, row["key"]))}
    ms = {stage: timing.summary(one.series)["p50"] for stage, one in found.items()}
    return {"ms": ms, "dates": {stage: one.date for stage, one in found.items()}}


def latest(benches: Sequence[results.Results], key: str) -> Timed | None:
    """A candidate's graph where it was fastest, of the last file that has it; None where it was not timed."""
    return next((found for made in reversed(benches) if (found := quickest(made, key))), None)


def beside(place: Path, made: results.Results) -> results.Results:
    """What came back, after the rows that the run itself measured on such a machine, if it did."""
    own = results.read(place) if place.is_file() else replace(made, rows=())
    rows = tuple(row for row in own.rows if "keys" not in row.options)
    return replace(own if rows else made, rows=(*rows, *made.rows))


def fitting(made: results.Results, runtimes: Sequence[str]) -> results.Results:
    """Only the rows in the target's runtimes: what else the device can run decides nothing."""
    return replace(made, rows=tuple(row for row in made.rows if row.runtime in runtimes))


def judged(
    row: Mapping[str, Any], benches: Sequence[results.Results], run: Path, final: Mapping[str, Any]
) -> dict[str, Any]:
    """A row of final.json with the device's time and verdict, the verdict stored. Where it was not timed it stays as it
    is, and another board's verdict goes: the run's judge decides by what is told here."""
    bare = {name: value for name, value in row.items() if name != BROUGHT}
    timed, place = latest(benches, row["key"]), decided(run, row, final["machine"])
    if timed is None:
        if place is not None:
            returned(place).unlink(missing_ok=True)
        return bare
    ms = timing.summary(timed.series)["p50"]
    told = {"ms": ms, "runtime": timed.row.runtime, "precision": timed.row.precision, "date": timed.date}
    if place is None or not final["proxy"]:  # where the run judged on the device's kind, that stands
        return {**bare, BROUGHT: {**told, "keep": row["keep"], "verdict": row["verdict"]}}
    old = Verdict(**read_json(place))
    new = ruled(again(old, benches, timed), old, final)
    write_json(returned(place), asdict(new))
    return {**bare, BROUGHT: {**told, "keep": new.keep, "verdict": new.sentence}}


def ruled(new: Verdict, old: Verdict, final: Mapping[str, Any]) -> Verdict:
    """What is decided over the device's times, by the rules of the run: its budget, or of a foreign graph its
    likeness."""
    if "budget" not in final:
        return likened(new, final["likeness"])
    return settle(new, final["budget"], onward=WHOLE in old.sentence or old.sentence.startswith("goes on"))


def again(old: Verdict, benches: Sequence[results.Results], last: Timed) -> Verdict:
    """A verdict by the device's own times: its ratio, where parent and child were timed in the same rounds.

    One that weighs nothing gains the time; one whose parent was not timed there stays the stand-in's.
    """
    if old.bytes_ratio is None:
        ms = timing.percentile(last.series, 50)
        return replace(old, runtime=last.row.runtime, ms=ms, machine=last.machine, proxy=False)
    pairs = [(quickest(made, old.child), quickest(made, old.parent)) for made in benches]
    both = [(child, parent) for child, parent in pairs if child and parent]
    if not both:
        return old
    child, parent = both[-1]
    ratio, ms = timing.ratio(child.series, parent.series)._asdict(), timing.percentile(child.series, 50)
    return replace(old, ratio=ratio, runtime=child.row.runtime, ms=ms, machine=child.machine, proxy=False)


def quickest(made: results.Results, key: str) -> Timed | None:
    """A candidate's graph where it was fastest, of one file's rounds; None where it was not timed."""
    mine = [row for row in made.rows if key in row.options.get("keys", ()) and "medians" in row.options]
    name = machine.name(dict(made.machine))
    timed = [
        Timed(timing.Series(row.name, tuple((ms,) for ms in row.options["medians"])), row, name, made.date)
        for row in mine
    ]
    return min(timed, key=lambda one: timing.percentile(one.series, 50), default=None)


def decided(run: Path, row: Mapping[str, Any], here: str) -> Path | None:
    """Where what the run's own machine found of a row's candidate lies; of several the one that the row tells."""
    found = sorted((run / "verdicts").glob(f"*-{row['key']}-{here}-*.json"))
    told = [path for path in found if read_json(path)["sentence"] == row["verdict"]]
    return next(iter([*told, *found]), None)


def checks(brought: Sequence[results.Results]) -> Iterator[dict[str, Any]]:
    """What run.py check said there of each graph, the last time on each board."""
    last = {
        (board(made), *graph(row)): (made, row) for made in brought for row in made.rows if row.options.get("parity")
    }
    for made, row in last.values():
        same = row.options["parity"]
        said = f"{'the same as here' if same['passed'] else 'NOT the same as here'}: {compared(same)}"
        facts = {"onnx": row.options["onnx"], "runtime": row.runtime, "precision": row.precision}
        yield {**facts, "label": machine.label(dict(made.machine)), "passed": same["passed"], "said": said}


def compared(same: Mapping[str, Any]) -> str:
    """How alike what the device gave was, in words."""
    if "cosine" in same:
        gap = "unknown" if same["max_abs"] is None else f"{same['max_abs']:.4g}"
        return f"cosine {same['cosine']:.6f}, largest difference {gap} over {same['photos']} stored inputs"
    return f"{same['matched']} of {same['total']} detections in {same['photos']} photos have a partner"
