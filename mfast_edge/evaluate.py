"""Side door: how good weights, or a stored candidate, are on any data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.data.sample import Dataset, Record
    from mfast_edge.models.detections import Detections
    from mfast_edge.opened import Opened
    from mfast_edge.subject import Subject
    from mfast_edge.tasks.detect import Quality

app = door()


@dataclass(frozen=True, slots=True)
class Asked:
    """The door's arguments, as typed."""

    run: Path | None
    model: str
    init: Path | None
    data: str | None
    split: str | None
    set: tuple[str, ...]
    runtime: str | None
    out: Path | None
    json: bool
    saturate: bool
    metrics: tuple[str, ...]


@app.command()
def evaluate(  # noqa: PLR0913 - the arguments of the command
    run: Annotated[Path | None, typer.Argument(help="A run's folder, or a candidate's in runs/store.")] = None,
    model: Annotated[str, typer.Option(help="With --init: the model that the weights are of.")] = "ssd_mbv1",
    init: Annotated[Path | None, typer.Option(help="Weights of a whole detector, instead of a run.")] = None,
    data: Annotated[
        str | None, typer.Option(help="voc:PATH, coco:PATH, yolo:PATH or particles; the run's own if absent.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="all, train, val or test; for a run test, for weights all if absent.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="With --init: a build setting: model.size=256.")
    ] = None,
    runtime: Annotated[str | None, typer.Option(help="onnxruntime or openvino; its fastest if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where facts about photos are kept; the run's if absent.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else: an object a line.")] = False,
    saturate: Annotated[
        bool, typer.Option("--saturate", help="An int8 file as CPUs without VNNI compute it, beside; slow.")
    ] = False,
    metrics: Annotated[
        str | None,
        typer.Option(help="More, with commas: coco, voc, area, area-weighted, f1, errors, intervals; or all."),
    ] = None,
) -> None:
    """Print mAP and F1 of a stored candidate (RUN), or of weights (--init), on DATA. Classes match by name."""
    work(Asked(run, model, init, data, split, tuple(set_ or ()), runtime, out, json_, saturate, wanted(metrics)))


def work(asked: Asked) -> None:
    """Read the data, look at every photo, compare, print."""
    from mfast_edge.opened import opened
    from mfast_edge.subject import matched, saturating, stored, weights
    from mfast_edge.tasks.figures import Scene, measure

    if (asked.run is None) == (asked.init is None):
        raise UserError("evaluate: a RUN folder or --init WEIGHTS would be right, one of them")
    if asked.saturate and not asked.run:
        raise UserError("--saturate: weights do not saturate; the RUN folder of an int8 file would be right")
    run = opened(asked.run) if asked.run else None
    data = dataset(asked, run)
    split, records = chosen(data, asked.split or ("test" if run else "all"))
    if run:
        subject = stored(run, asked.runtime)
    else:
        assert asked.init is not None
        subject = weights(asked.model, asked.init, asked.set, data.classes)
    known = matched(subject.classes, data.classes)
    sure = run.confidence if run and not asked.data and split != "val" else None
    unknown = [name for number, name in enumerate(data.classes) if number not in known.values()]
    lines = as_json if asked.json else as_text
    for one in [subject, *([saturating(run)] if run and asked.saturate else [])]:
        found = look(one, records, known)
        quality = compared(data, records, found, sure)
        more = measure(asked.metrics, Scene.of(records, found, data.classes, quality.confidence))
        told = {"subject": one.name, "runtime": one.runtime, "data": data.name, "split": split}
        print(lines(told, quality, unknown, more))


def dataset(asked: Asked, run: Opened | None) -> Dataset:
    """The data asked for, else those of the run."""
    from mfast_edge.data.index import again

    own = run.page.get("data", {}) if run else {}
    if not asked.data and not own:
        raise UserError("evaluate: no data given; --data voc:PATH, coco:PATH, yolo:PATH or particles would be right")
    out = asked.out or (run.runs if run else Path("runs"))
    seed = run.candidate.lineage[0].seed if run else 0  # the run's: its training photos stay in train
    return again(own, cache=out / "data", spec=asked.data, seed=seed)


def chosen(data: Dataset, split: str) -> tuple[str, tuple[Record, ...]]:
    """The photos of a split, or of all."""
    if split != "all" and split not in data.splits:
        raise UserError(f"--split: {split!r} given; all, train, val or test would be right")
    return split, data.records if split == "all" else data.splits[split]


def look(subject: Subject, records: tuple[Record, ...], known: dict[int, int]) -> list[Detections]:
    """Detections in every photo, in the data's classes."""
    from mfast_edge.data.photo import load
    from mfast_edge.models.detections import detect
    from mfast_edge.subject import translated

    looked = (detect(load(record), subject.forward, subject.model.decode, subject.facts) for record in records)
    return [translated(found, known) for found in looked]


def compared(data: Dataset, records: tuple[Record, ...], found: list[Detections], sure: float | None) -> Quality:
    """The figures; F1 at `sure`, or at the best confidence if None."""
    from mfast_edge.tasks.detect import compare

    return compare([record.truth for record in records], found, data.classes, sure)


def wanted(metrics: str | None) -> tuple[str, ...]:
    """The names of --metrics; UserError where one is none."""
    from mfast_edge.tasks.figures import METRICS

    names = [word.strip() for word in metrics.split(",")] if metrics else []
    if wrong := [name for name in names if name not in (*METRICS, "all")]:
        raise UserError(f"--metrics: {wrong[0]!r} given; {', '.join(METRICS)} or all would be right")
    return tuple(name for name in METRICS if name in names or "all" in names)


def as_json(what: dict[str, str], quality: Quality, unknown: list[str], more: dict[str, Any]) -> str:
    """One object."""
    metrics = {"metrics": more} if more else {}
    return json.dumps({**what, "quality": quality.to_json(), "unknown": unknown, **metrics})


def as_text(what: dict[str, str], quality: Quality, unknown: list[str], more: dict[str, Any]) -> str:
    """Two lines, one per class, what --metrics asked for.

    `unknown`: classes of the data that count as missed, for they cannot be found.
    """
    from mfast_edge.tasks.told import lines

    head = "{subject} through {runtime} on {data}, {split}".format(**what)
    figures = [f"mAP@.5 {quality.map50:.4f}", f"mAP {quality.map:.4f}", f"mAP@.75 {quality.map75:.4f}"]
    figures.append(f"F1 {quality.f1:.4f} at score {quality.confidence:.3f}")
    rows = [
        f"  {name:20} AP@.5 {value:.4f}{'  (not one of its classes)' if name in unknown else ''}"
        for name, value in quality.per_class.items()
    ]
    return "\n".join(
        [f"{head}: {quality.images} photos, {quality.boxes} boxes", "  ".join(figures), *rows, *lines(more)]
    )


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
