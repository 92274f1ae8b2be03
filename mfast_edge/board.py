"""Side door: what a device measured with its bundle's run.py comes back to the run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfast_edge.door import door, guarded

app = door()


@app.command()
def board(
    run: Annotated[Path, typer.Argument(help="The folder of the run whose bundle went to the device.")],
    files: Annotated[list[Path], typer.Argument(help="What run.py bench and run.py check wrote there.")],
) -> None:
    """Join RESULTS of the device to RUN: its report shows them, and stored candidates are judged again by them.

    Nothing is trained or made again. Where a verdict turned, the run's own command goes on from what is stored.
    1: the device finds something else than was found here.
    """
    from mfast_edge.report import render
    from mfast_edge.returned import join

    final = join(run, files)
    render(final, run)
    for row in final["rows"]:
        there = row.get("board")
        print(
            f"{row['stage']:12} {there['ms']:8.2f} ms  {there['verdict']}"
            if there
            else f"{row['stage']:12} not timed there"
        )
    for one in final["board"]["checks"]:
        print(f"check {one['onnx']} in {one['runtime']} {one['precision']} on {one['label']}: {one['said']}")
    if turned := [row["stage"] for row in final["rows"] if "board" in row and row["board"]["keep"] != row["keep"]]:
        print(
            f"{', '.join(turned)}: other than before; the run's command goes on from what is stored: {final['command']}"
        )
    print(f"{run / 'report.html'} and report.md written")
    raise typer.Exit(0 if all(one["passed"] for one in final["board"]["checks"]) else 1)


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
