"""Side door: what int8 costs and pays in each block of a network, and which blocks are worth keeping in float."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfast_edge.door import door, guarded

app = door()


@app.command()
def autopsy(  # noqa: PLR0913 - the arguments of the command
    run: Annotated[Path, typer.Argument(help="A run's folder, or a candidate's in runs/store.")],
    data: Annotated[str | None, typer.Option(help="voc:PATH, coco:PATH, …; the run's own if absent.")] = None,
    target: Annotated[str | None, typer.Option(help="Whose int8; the run's if absent, else x86.")] = None,
    photos: Annotated[int, typer.Option(min=1, help="Photos of train to look at.")] = 64,
    most: Annotated[int, typer.Option(min=0, help="Blocks at most to keep in float together.")] = 4,
    rounds: Annotated[int | None, typer.Option(min=5, help="Alternating rounds; the target's if absent.")] = None,
    out: Annotated[Path | None, typer.Option(help="The JSON file to write; RUN/autopsy.json if absent.")] = None,
) -> None:
    """Keep each block of RUN in float, all others in int8: quality regained, ms lost, box and score errors apart."""
    from mfast_edge.dissected import Asked, dissected

    print(dissected(Asked(run, data, target, photos, most, rounds, out)))


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
