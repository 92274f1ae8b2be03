"""Side door: labels that a stored candidate makes of photos without any, kept apart, and judged like a stage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.data.sample import Record
    from mfast_edge.opened import Opened

SURE = 0.9

app = door()


@dataclass(frozen=True, slots=True)
class Asked:
    """The door's arguments, as typed."""

    run: Path
    data: str
    to: Path
    beside: Path | None
    rules: dict[str, Any]
    link: bool
    judge: bool
    init: Path | None
    set: tuple[str, ...]
    seeds: int
    json: bool


@app.command()
def silver(  # noqa: PLR0913 - the arguments of the command
    run: Annotated[Path, typer.Argument(help="A finished run, whose final file labels.")],
    data: Annotated[str, typer.Option(help="photos:FOLDER, or any FORMAT:PATH, whose labels are not looked at.")],
    to: Annotated[Path, typer.Option(help="The folder to write; the same command again finds it done.")],
    beside: Annotated[
        Path | None, typer.Option(help="Another run or candidate that must agree; the photo mirrored if absent.")
    ] = None,
    score: Annotated[
        float | None,
        typer.Option(help="A label has at least this score, in both looks; the best F1's if absent, a class's 0.9."),
    ] = None,
    agree: Annotated[float, typer.Option(help="And this IoU with what the other look finds; 0: one look.")] = 0.6,
    doubt: Annotated[
        float, typer.Option(help="What is scored so and is no label becomes a region to be ignored; 0: background.")
    ] = 0.1,
    boxes: Annotated[int, typer.Option(help="Labels at least on a photo.")] = 1,
    link: Annotated[bool, typer.Option("--link", help="Symbolic links to the photos instead of copies.")] = False,
    judge: Annotated[bool, typer.Option("--judge", help="Train with and without it; keep it or not.")] = False,
    init: Annotated[Path | None, typer.Option(help="With --judge: the weights that RUN began from, if any.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="With --judge: of both trainings, as train.images=4000.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="With --judge: so many pairs of trainings.")] = 1,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Label photos by RUN, as silver:FOLDER: only ever joined to gold, `--data voc:GOLD+silver:FOLDER`, for training.

    Photos of the run's own data are left out. With --judge the run's training is done again with silver beside its
    gold, seeing as many images, and silver is kept only if the gain on val is sure.
    """
    rules: dict[str, Any] = {"score": score} if score is not None else {}
    rules |= {"agree": agree or None, "doubt": doubt or None, "boxes": boxes}
    work(Asked(run, data, to, beside, rules, link, judge, init, tuple(set_ or ()), seeds, json_))


def work(asked: Asked) -> None:
    """Look at every photo, write, judge, print."""
    from mfast_edge.labelled import Labeller, Rules, label
    from mfast_edge.opened import opened
    from mfast_edge.settings import check
    from mfast_edge.store import write_json

    source = opened(asked.run)
    if not source.page:
        raise UserError(f"silver: {asked.run} is no finished run, which knows its own data; one would be right")
    terms = termed(asked)
    if asked.beside and asked.rules["agree"] is None:
        raise UserError("--beside: given, and --agree 0 looks once only; an IoU above 0 would be right")
    usual = source.confidence or SURE  # of photos as a whole every answer counts
    rules = check(Rules, {"score": usual, **asked.rules}, "silver")
    labeller = Labeller(source, opened(asked.beside) if asked.beside else None, rules)
    records, own = fresh(source, asked.data)
    told = label(labeller, records, asked.to, asked.link)
    found = {name: told[name] for name in ("photos", "of", "boxes", "ignored")} | {"own": own, "folder": str(asked.to)}
    if not asked.json:
        print(text(found))
    if asked.judge:
        from mfast_edge.worth import weigh

        found["judge"] = weigh(source, asked.to, terms)
        write_json(asked.to / "judged.json", found["judge"])
    if asked.json:
        print(json.dumps(found))
    elif asked.judge:
        print("\n".join(verdict(found["judge"])))


def termed(asked: Asked) -> Any:
    """How --judge trains. UserError for a setting that is not train's, and for what only --judge would take."""
    from mfast_edge.settings import assignments
    from mfast_edge.worth import Terms

    words = {"--init": asked.init, "--set": asked.set, "--seeds": asked.seeds > 1}
    if not asked.judge and (idle := [word for word, given in words.items() if given]):
        raise UserError(f"{idle[0]}: given, and nothing is trained; --judge beside it would be right")
    given = assignments(asked.set)
    if wrong := [name for name in given if not name.startswith("train.")]:
        raise UserError(f"--set: {wrong[0]} given; a setting of train, such as train.images=4000, would be right")
    return Terms(asked.init, {name.removeprefix("train."): value for name, value in given.items()}, asked.seeds)


def fresh(source: Opened, spec: str) -> tuple[list[Record], int]:
    """The photos of a spec that the run's data do not have, in any split, and how many they have."""
    from mfast_edge.data.index import again, measurable

    cache = source.runs / "data"
    own = {record.sha256 for record in again(source.page["data"], cache=cache).records}
    every = {record.sha256: record for record in measurable(spec, cache=cache).records}
    found = [record for mark, record in every.items() if mark not in own]
    if not found:
        raise UserError(f"--data: {spec}: every photo is one of the run's own; others would be right")
    return found, len(every) - len(found)


def text(told: dict[str, Any]) -> str:
    """What was labelled, and how it is used."""
    boxes = ", ".join(f"{count} {name}" for name, count in told["boxes"].items())
    left = f"; {told['own']} of the run's own photos left out" if told["own"] else ""
    doubts = f"; {told['ignored']} regions to be ignored" if told["ignored"] else ""
    head = f"{told['photos']} of {told['of']} photos labelled: {boxes}{doubts}{left}"
    return f"{head}\nsilver:{told['folder']}, to be joined to gold: --data voc:GOLD+silver:{told['folder']}"


def verdict(told: dict[str, Any]) -> list[str]:
    """Both trainings and what was decided."""
    rows = [
        f"{name:13} {count} photos to learn from, on val "
        + "  ".join(f"{key} {value:.4f}" for key, value in told[side].items())
        for name, side, count in zip(("gold alone", "with silver"), ("gold", "silver"), told["photos"], strict=True)
    ]
    return [*rows, told["sentence"]]


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
