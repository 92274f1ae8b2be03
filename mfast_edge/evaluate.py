"""Side door: how good weights, or a stored candidate, are on any data."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.data.sample import Dataset, Record
    from mfast_edge.models.detections import Detections
    from mfast_edge.opened import Opened
    from mfast_edge.subject import Meeting, Subject
    from mfast_edge.tasks.scene import Scene
    from mfast_edge.tasks.task import Quality, Task

app = door()


@dataclass(frozen=True, slots=True)
class Asked:
    """The door's arguments, as typed."""

    run: Path | None
    model: str
    init: Path | None
    data: str | None
    classes: str | None
    split: str | None
    set: tuple[str, ...]
    runtime: str | None
    out: Path | None
    json: bool
    saturate: bool
    metrics: str | None


@app.command()
def evaluate(  # noqa: PLR0913 - the arguments of the command
    run: Annotated[Path | None, typer.Argument(help="A run's folder, or a candidate's in runs/store.")] = None,
    model: Annotated[str, typer.Option(help="With --init: the model that the weights are of.")] = "ssd_mbv1",
    init: Annotated[Path | None, typer.Option(help="Weights of a whole detector, instead of a run.")] = None,
    data: Annotated[
        str | None, typer.Option(help="FORMAT:PATH or particles, several joined by +; the run's own if absent.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="A class map of the data: a YAML file, person, kitti, or typed: person=man+woman."),
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
        typer.Option(
            help="More, with commas: coco, voc, area, area-weighted, f1, errors, intervals; of a classifier "
            "confusion, calibration, intervals; or all."
        ),
    ] = None,
) -> None:
    """Print mAP and F1, of a classifier macro F1, top-1 and top-5, of a stored candidate (RUN), or of weights
    (--init), on DATA. Classes match by name.

    Where the data have classes that it cannot find, the figures over the common ones follow.
    """
    given = tuple(set_ or ())
    work(Asked(run, model, init, data, classes, split, given, runtime, out, json_, saturate, metrics))


def work(asked: Asked) -> None:
    """Read the data, look at every photo, compare, print."""
    from mfast_edge import model as models
    from mfast_edge.models import MODELS
    from mfast_edge.opened import opened
    from mfast_edge.subject import Meeting, matched, saturating, stored, weights
    from mfast_edge.tasks.scene import Scene
    from mfast_edge.tasks.task import of

    if (asked.run is None) == (asked.init is None):
        raise UserError("evaluate: a RUN folder or --init WEIGHTS would be right, one of them")
    if asked.saturate and not asked.run:
        raise UserError("--saturate: weights do not saturate; the RUN folder of an int8 file would be right")
    run = opened(asked.run) if asked.run else None
    task = run.model.task if run else models.find(asked.model, MODELS).task
    names = wanted(asked.metrics, of(task))
    data = dataset(asked, run, task)
    split, records = chosen(data, asked.split or ("test" if run else "all"))
    if run:
        subject = stored(run, asked.runtime)
    else:
        assert asked.init is not None
        subject = weights(asked.model, asked.init, asked.set, data.classes)
    known = matched(subject.classes, data.classes)
    own = run is not None and not asked.data and not asked.classes
    sure = run.confidence if run and own and split != "val" else None
    meeting = Meeting.of(subject.classes, data.classes, known)
    lines = as_json if asked.json else as_text
    for one in [subject, *([saturating(run)] if run and asked.saturate else [])]:
        found = look(one, records, known)
        scene = Scene.of(records, found, data.classes)
        asks = Asks(of(task), names, sure)
        every = figured(scene, asks)
        common = shared(scene.over(meeting.common), asks) if meeting.unknown else None
        told = {"subject": one.name, "runtime": one.runtime, "data": data.name, "split": split}
        print(lines(told, every, common, meeting))


def dataset(asked: Asked, run: Opened | None, task: str) -> Dataset:
    """The data asked for, else those of the run, split by the run's rules; its class map is for its own data only."""
    from mfast_edge.data.classes import parse
    from mfast_edge.data.index import again, dealt, measurable

    own = run.page.get("data", {}) if run else {}
    if not asked.data and not own:
        raise UserError(
            "evaluate: no data given; --data voc:PATH, coco:PATH, yolo:PATH, folders:PATH or particles would be right"
        )
    out = asked.out or (run.runs if run else Path("runs"))
    seed = run.candidate.lineage[0].seed if run else 0  # the run's: its training photos stay in train
    if not asked.data and not asked.classes:
        return again(own, cache=out / "data", seed=seed)
    classes = parse(asked.classes) if asked.classes else None
    spec, how = asked.data or own["spec"], dealt(own)
    return measurable(spec, cache=out / "data", seed=seed, how=how, classes=classes, task=task)


def chosen(data: Dataset, split: str) -> tuple[str, tuple[Record, ...]]:
    """The photos of a split, or of all."""
    if split != "all" and split not in data.splits:
        raise UserError(f"--split: {split!r} given; all, train, val or test would be right")
    records = data.records if split == "all" else data.splits[split]
    if not records:
        given = ", ".join(part for part, found in data.splits.items() if found)
        raise UserError(f"--split: {split} has no photos in {data.spec}; {given} or all would be right")
    return split, records


def look(subject: Subject, records: tuple[Record, ...], known: dict[int, int]) -> list[Detections]:
    """Detections in every photo, in the data's classes; ANY where a classifier says one that the data lack."""
    from mfast_edge.data.photo import load
    from mfast_edge.models.detections import detect
    from mfast_edge.subject import translated
    from mfast_edge.tasks.task import of

    looked = (detect(load(record), subject.forward, subject.model.decode, subject.facts) for record in records)
    return [translated(found, known, of(subject.model.task).WHOLE) for found in looked]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures that are always printed, and what --metrics asked for."""

    task: Task
    quality: Quality
    more: dict[str, Any]

    @property
    def metrics(self) -> dict[str, Any]:
        """What --metrics asked for as a part of an object, if it did."""
        return {"metrics": self.more} if self.more else {}


@dataclass(frozen=True, slots=True)
class Asks:
    """What is measured: a task's figures, the names of --metrics, F1 at `sure`, or at the best confidence if None."""

    task: Task
    names: tuple[str, ...]
    sure: float | None


def figured(scene: Scene, asks: Asks) -> Figures:
    """The figures over all classes of the scene."""
    from mfast_edge.tasks.scene import measure

    quality = asks.task.compare(scene.truths, scene.found, scene.classes, asks.sure)
    more = measure(asks.task.METRICS, asks.names, replace(scene, confidence=quality.confidence))
    return Figures(asks.task, quality, more)


def shared(scene: Scene, asks: Asks) -> Figures | None:
    """The figures over the classes that both know, as if the data had no others; none without a truth of them."""
    return figured(scene, asks) if any(truth.labels or (~truth.ignore).any() for truth in scene.truths) else None


def wanted(metrics: str | None, task: Task) -> tuple[str, ...]:
    """The names of --metrics; UserError where one is none of the task's."""
    names, known = [word.strip() for word in metrics.split(",")] if metrics else [], task.METRICS
    if wrong := [name for name in names if name not in (*known, "all")]:
        raise UserError(f"--metrics: {wrong[0]!r} given; {', '.join(known)} or all would be right")
    return tuple(name for name in known if name in names or "all" in names)


def as_json(what: dict[str, str], every: Figures, common: Figures | None, meeting: Meeting) -> str:
    """One object; `common` is null where all classes of the data are common, or nothing of them is there."""
    both = {**common.quality.to_json(), **common.metrics} if common else None
    names = {"unknown": meeting.unknown, "absent": meeting.absent}
    return json.dumps({**what, "quality": every.quality.to_json(), "common": both, **names, **every.metrics})


def as_text(what: dict[str, str], every: Figures, common: Figures | None, meeting: Meeting) -> str:
    """Two lines, one per class, what --metrics asked for; then the same over the common classes, in a line.

    Classes of the data that cannot be found count as missed in the first figures.
    """
    quality, task = every.quality, every.task
    head = "{subject} through {runtime} on {data}, {split}".format(**what)
    rows = [
        f"  {name:20} {task.PER_CLASS} {value:.4f}{'  (not one of its classes)' if name in meeting.unknown else ''}"
        for name, value in quality.per_class.items()
    ]
    rows += task.lines(every.more)
    if meeting.unknown:
        named = f"over the common classes ({', '.join(meeting.common)})"
        rows.append(f"{named}: {line(common)}" if common else f"{named}: nothing of them is there")
        rows += task.lines(common.more) if common else []
    if meeting.absent:
        done = "which are wrong where they are said" if task.WHOLE else "whose detections do not count"
        rows.append(f"classes that the data lack, {done}: {', '.join(meeting.absent)}")
    return "\n".join([f"{head}: {task.many(quality.to_json())}", line(every), *rows])


def line(figures: Figures) -> str:
    """The means in a line."""
    return figures.task.line(figures.quality.to_json())


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
