"""Side door: how photos would be dealt into train, val and test, as a table; nothing is trained."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.data.sample import Dataset

app = door()


@app.command()
def split(  # noqa: PLR0913 - the arguments of the command
    data: Annotated[str, typer.Argument(help="voc:PATH, coco:PATH, yolo:PATH, folders:PATH, particles …")],
    by: Annotated[str | None, typer.Option(help="Of class, count, ratio, size, with commas; none: by content.")] = None,
    classes: Annotated[str | None, typer.Option(help="A class map: a YAML file, a name, or typed.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="More of compress's split: split.folds=10, split.mini=0.5, seed=1."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where facts about photos are kept.")] = Path("runs"),
    names: Annotated[Path | None, typer.Option(help="Write the photos of each split there, as JSON.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the fold table of DATA, the photos of each split, and photos that are twice there."""
    from mfast_edge.store import write_json

    words, read = asked((data, classes), by, tuple(set_ or ()), out)
    if names:
        write_json(names, {part: [one.name for one in records] for part, records in read.splits.items()})
    print(json.dumps(told(read, words)) if json_ else text(read, words))


def asked(data: tuple[str, str | None], by: str | None, given: tuple[str, ...], out: Path) -> tuple[list[str], Dataset]:
    """The words that make compress split alike, and the data split so; `data`: what --data and --classes say.

    UserError: a setting that is none.
    """
    from mfast_edge.data.classes import parse
    from mfast_edge.data.dealing import Split
    from mfast_edge.data.index import read
    from mfast_edge.settings import assignments, check

    settings = assignments(given)
    seed = settings.pop("seed", 0)
    if not isinstance(seed, int) or seed < 0:
        raise UserError(f"--set seed: {seed!r} given; 0 or a number above would be right")
    if wrong := [name for name in settings if not name.startswith("split.")]:
        raise UserError(f"--set: {wrong[0]} given; split.folds=5, split.mini=0.5 or seed=1 would be right")
    if by:
        settings["split.by"] = [word.strip() for word in by.split(",")]
    how = check(Split, {name.removeprefix("split."): one for name, one in settings.items()}, "split")
    spec, mapping = data
    named = parse(mapping) if mapping else None
    asks: dict[str, Any] = {"cache": out / "data", "seed": seed, "how": how if settings else None, "classes": named}
    dataset = read(spec, **asks, task="classify" if classified(spec) else "detect")
    words = [f"--classes {quote(mapping)}"] if mapping else []
    words += [f"--set {quote(f'{name}={json.dumps(one)}')}" for name, one in settings.items()]
    return words + ([f"--set seed={seed}"] if seed else []), dataset


def classified(spec: str) -> bool:
    """Whether there are class folders alone, which only a classifier takes."""
    from mfast_edge.data.source import joint

    return all(part.startswith("folders:") for part in joint(spec))


def told(data: Dataset, words: list[str]) -> dict[str, Any]:
    """As JSON."""
    photos = {part: len(records) for part, records in data.splits.items()}
    findings = [asdict(finding) for finding in data.report]
    folds = [deal.to_json() for deal in data.deals]
    return {
        "data": data.spec,
        "digest": data.digest,
        "photos": photos,
        "folds": folds,
        "set": words,
        "report": findings,
    }


def text(data: Dataset, words: list[str]) -> str:
    """As lines."""
    from mfast_edge.data import whole

    photos = ", ".join(f"{len(records)} {part}" for part, records in data.splits.items())
    lines = [f"{data.name}: {photos}", *whole.lines(data), *(line for deal in data.deals for line in deal.lines())]
    if data.how and not data.deals:
        lines.append("train, val and test come with the data: nothing was dealt")
    elif words:
        lines.append(f"compress splits alike with: {' '.join(words)}")
    return "\n".join([*lines, *data.report.lines()])


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
