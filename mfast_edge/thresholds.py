"""Side door: which thresholds suit a stored candidate, by a grid on val; what they give is told on test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.cutoffs import Cutoffs
    from mfast_edge.grid import By, Cell
    from mfast_edge.opened import Opened
    from mfast_edge.quality import Examined
    from mfast_edge.workshop import Workshop

SCORES = "0.01,0.05,0.1,0.2,0.3,0.5"
IOUS = "0.3,0.35,0.4,0.45,0.5,0.55,0.6,0.65,0.7"

app = door()


@dataclass(frozen=True, slots=True)
class Asked:
    """The door's arguments, as typed."""

    run: Path
    score: str
    iou: str | None
    detections: str | None
    by: By
    slack: float
    data: str | None
    out: Path | None
    json: bool


@app.command()
def thresholds(  # noqa: PLR0913 - the arguments of the command
    run: Annotated[Path, typer.Argument(help="A run's folder, or a candidate's in runs/store.")],
    score: Annotated[str, typer.Option(help="Scores from which detections count, with commas.")] = SCORES,
    iou: Annotated[
        str | None, typer.Option(help=f"Overlaps from which two detections are one object; {IOUS} if absent.")
    ] = None,
    detections: Annotated[str | None, typer.Option(help="Detections at most in a photo; its own if absent.")] = None,
    by: Annotated[Literal["map50", "map", "map75", "f1"], typer.Option(help="What is to be best on val.")] = "map50",
    slack: Annotated[float, typer.Option(min=0, help="Points that a higher score, with less to do, may cost.")] = 0.0,
    data: Annotated[str | None, typer.Option(help="FORMAT:PATH; the run's own if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; RUN/thresholds if absent.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Try every combination of thresholds on val; the best become a candidate of their own, compared on test.

    Nothing is trained, and RUN stays as it is: the candidate in runs/store can be given to evaluate, predict and
    bench; the run's bundle with the new thresholds, and the grid as thresholds.json, are in --out.
    """
    work(Asked(run, score, iou, detections, by, slack, data, out, json_))


def work(asked: Asked) -> None:
    """Sweep, choose, compare, write, print."""
    from mfast_edge import target as targets
    from mfast_edge.cutoffs import Cutoffs, cut, having, own
    from mfast_edge.grid import chosen, sweep
    from mfast_edge.opened import opened, surroundings
    from mfast_edge.store import write_json

    source = opened(asked.run)
    if source.model.task != "detect":
        raise UserError(f"thresholds: {source.candidate.model} gives every class a score and cuts nothing off")
    axes, before = axes_of(asked), own(source.stored)
    if asked.iou is not None:
        cut(source.stored, Cutoffs(iou=axes.iou[0] if axes.iou else None))
    shop = surroundings(source, targets.find(source.final.get("target", "x86")), asked.data)
    cells = sweep(source, shop.data.splits["val"], shop.data.classes, axes.cells(before))
    best = chosen(cells, asked.by, asked.slack)
    made = having(shop.store, source.candidate, best.cutoffs)
    place = asked.out or (asked.run / "thresholds" if source.final else source.runs / "thresholds" / made.key)
    told = {**compared(shop, source, made), "by": asked.by, "own": cells[0].to_json(), "chosen": best.to_json()}
    told |= {"from": source.candidate.key, "key": made.key, "folder": str(made.folder)}
    told["bundle"] = delivered(asked.run, place, source, best.cutoffs, told["val"]["confidence"])
    told["grid"] = [cell.to_json() for cell in cells]
    write_json(place / "thresholds.json", told)
    print(json.dumps(told) if asked.json else text(told, cells))


def axes_of(asked: Asked) -> Any:
    """The grid that was asked for; every mistake of an axis is a UserError."""
    from mfast_edge.cutoffs import Cutoffs
    from mfast_edge.grid import Axes
    from mfast_edge.settings import check

    texts = {
        "score": asked.score,
        "iou": IOUS if asked.iou is None else asked.iou,
        "detections": asked.detections or "",
    }
    given = {name: [word.strip() for word in text.split(",") if word.strip()] for name, text in texts.items()}
    values = {
        name: tuple(getattr(check(Cutoffs, {name: word}, f"--{name}"), name) for word in words)
        for name, words in given.items()
    }
    return Axes(**values)


def compared(shop: Workshop, source: Opened, made: Candidate) -> dict[str, Any]:
    """The chosen on val and, beside the candidate's own, on test, with the paired interval of what is gained."""
    from mfast_edge.quality import lost

    before, after = (looked(shop, source, one, "test") for one in (source.candidate, made))
    loss = lost(shop, "test", before.found, after.found)
    gained = {"points": 0.0 - loss["points"], "low": 0.0 - loss["high"], "high": 0.0 - loss["low"]}
    return {
        "val": looked(shop, source, made, "val").quality.to_json(),
        "test": after.quality.to_json(),
        "own_test": before.quality.to_json(),
        "gained": gained,
    }


def looked(shop: Workshop, source: Opened, candidate: Candidate, split: str) -> Examined:
    """Quality of a candidate where the run's is fastest, out of the store if it is there."""
    from mfast_edge.judge import as_file, as_torch

    if candidate.form == "torch":
        return as_torch(shop, candidate, split)
    return as_file(shop, candidate, source.runtime, split)


def delivered(run: Path, place: Path, source: Opened, cutoffs: Cutoffs, confidence: float) -> str | None:
    """The run's bundle with these thresholds, where the run has one."""
    if not (run / "bundle" / "manifest.json").is_file():
        return None
    from mfast_edge.rebundled import rebundle

    rebundle(run / "bundle", place / "bundle", source.model, cutoffs, confidence)
    return str(place / "bundle")


def text(told: dict[str, Any], cells: Sequence[Cell]) -> str:
    """A table for each number of detections, what was chosen, what it gives on test, where it lies."""
    lines = []
    for many in dict.fromkeys(cell.cutoffs.detections for cell in cells):
        lines += [
            f"val, at most {many} detections a photo: mAP@.5 / F1 / ms of decoding and suppressing",
            *table(cells, many),
        ]
    one, own, gained = told["chosen"], told["own"], told["gained"]
    lines.append(
        f"chosen by {told['by']}: score {one['score']:g}, IoU {one['iou']}, {one['detections']} detections: mAP@.5 "
        f"{one['map50']:.4f} on val (before {own['map50']:.4f}), {one['ms']:.2f} ms (before {own['ms']:.2f})"
    )
    span = f"{gained['points']:.2f} points gained [{gained['low']:.2f}, {gained['high']:.2f}]"
    sure = "" if gained["low"] > 0 or gained["high"] < 0 else "; test cannot tell them apart"
    figures = f"F1 {told['test']['f1']:.4f} (before {told['own_test']['f1']:.4f})"
    lines.append(f"test: mAP@.5 {told['test']['map50']:.4f}, {span}{sure}; {figures}")
    lines.append(f"candidate {told['folder']}" + (f"  bundle {told['bundle']}" if told["bundle"] else ""))
    return "\n".join(lines)


def table(cells: Sequence[Cell], many: int | None) -> list[str]:
    """Overlaps down, scores across."""
    mine = {(cell.cutoffs.iou, cell.cutoffs.score): cell for cell in cells if cell.cutoffs.detections == many}
    ious, scores = (sorted({pair[place] for pair in mine}, key=lambda one: one or 0) for place in (0, 1))
    head = "IoU \\ score " + "".join(f"{score:>18g}" for score in scores)
    rows = [
        f"{iou if iou else '-':>11} " + "".join(f"{entry(mine[iou, score]):>18}" for score in scores) for iou in ious
    ]
    return [head, *rows]


def entry(cell: Cell) -> str:
    """`0.812/0.751/0.61`."""
    return f"{cell.quality.map50:.3f}/{cell.quality.f1:.3f}/{cell.ms:.2f}"


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
