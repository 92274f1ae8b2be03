"""Side door: the objects of a detection set as class folders, to train classifiers on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

app = door()


@app.command()
def crop(  # noqa: PLR0913 - the arguments of the command
    data: Annotated[str, typer.Argument(help="FORMAT:PATH, such as coco:taco/annotations.json.")],
    to: Annotated[Path, typer.Argument(help="A new or empty folder; folders:TO is what is written.")],
    padding: Annotated[float, typer.Option(min=0, max=2, help="Around a box, in parts of its longer side.")] = 0.0,
    smallest: Annotated[int, typer.Option(min=1, help="Boxes with a side below so many pixels are left out.")] = 16,
    square: Annotated[bool, typer.Option("--square", help="With what else of the photo makes a square.")] = False,
    classes: Annotated[str | None, typer.Option(help="A class map: a YAML file, a name, or typed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the splits, where the data bring none.")] = 0,
    out: Annotated[Path, typer.Option(help="Where facts about photos are kept.")] = Path("runs"),
) -> None:
    """Cut every object of DATA out into TO/SPLIT/CLASS; report.json says what was left out."""
    from mfast_edge.data.classes import parse
    from mfast_edge.data.crops import Cut, write
    from mfast_edge.data.index import read
    from mfast_edge.data.report import Report, aligned

    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"crop: {to}: there is something already; an empty or new folder would be right")
    read_as = parse(classes) if classes else None
    counts, findings = write(
        read(data, cache=out / "data", seed=seed, classes=read_as), to, Cut(padding, smallest, square)
    )
    names = list(dict.fromkeys(name for part in counts.values() for name in part))
    rows = [("class", *counts), *((name, *(str(part[name]) for part in counts.values())) for name in names)]
    print("\n".join(aligned(rows)))
    report = Report(tuple(findings))
    report.write(to / "report.json")
    for line in report.lines():
        print(f"  {line}")
    print(f"{sum(map(sum, (part.values() for part in counts.values())))} objects written to folders:{to}")


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
