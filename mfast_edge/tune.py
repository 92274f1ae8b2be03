"""The door of a search: a space in; trials, a report and, trained in full, the winner's run out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from mfast_edge.door import command, door, guarded
from mfast_edge.models import MODELS

app = door()


@app.command()
def tune(  # noqa: PLR0913 - the arguments of the command
    space: Annotated[str, typer.Option(help="What to search: a name in configs/spaces, or a YAML file's path.")],
    model: Annotated[str, typer.Option(help=f"{', '.join(MODELS)}, or a network in YAML.")] = "ssd_mbv1",
    target: Annotated[str, typer.Option(help="A device's name, or the path of its YAML file.")] = "x86",
    data: Annotated[
        str | None, typer.Option(help="FORMAT:PATH or particles, several joined by +; the plan's if absent.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="A class map: a YAML file, person, kitti, or typed: person=man+woman,car.")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="What the winner goes through; the task's if absent.")] = None,
    init: Annotated[Path | None, typer.Option(help="Weights to start from: .safetensors or a state_dict.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Points of the headline figure on val that the winner may lose in its run.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of all trials: train.images=4000, model.size=256.")
    ] = None,
    search: Annotated[int | None, typer.Option(help="So many finished trials, of all workers together.", min=1)] = None,
    hours: Annotated[float | None, typer.Option(help="Search for so long, over all runs of this.", min=0)] = None,
    storage: Annotated[
        str | None, typer.Option(help="A journal file, or postgresql://USER:PASSWORD@HOST/NAME; the run's if absent.")
    ] = None,
    workers: Annotated[int, typer.Option(help="So many processes here; several have one thread each.", min=1)] = 1,
    study: Annotated[str | None, typer.Option(help="The study's name; the space's and a digest if absent.")] = None,
    final: Annotated[bool, typer.Option(help="Train the winner in full and hand it to the pipeline.")] = True,
    out: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs"),
    name: Annotated[str | None, typer.Option(help="The run's folder; <model>-<data>-<target>-<space>.")] = None,
    device: Annotated[Literal["cpu", "cuda"] | None, typer.Option(help="cuda if present.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; only the data are read.")] = False,
    place: Annotated[int | None, typer.Option(hidden=True, help="This is a worker, of that number.")] = None,
) -> None:
    """Search SPACE for MODEL on DATA and TARGET, then train the winner in full. The same command again goes on, and
    typed on another machine with the same --storage it joins."""
    from mfast_edge.plan import usual
    from mfast_edge.run import Asked
    from mfast_edge.searched import Hunt, run

    asked = Asked(
        model,
        target,
        data,
        classes,
        plan or usual(model),
        init,
        budget,
        tuple(set_ or ()),
        search or 0,
        hours,
        None,
        out,
        name,
        device,
        json_,
        dry_run,
        command("mfast_edge.tune"),
        storage=storage,
    )
    raise typer.Exit(run(Hunt(asked, space, workers, study, final, place, tuple(sys.argv[1:]))))


def main() -> None:
    """Run the door behind the one place where errors become exit codes."""
    guarded(app)


if __name__ == "__main__":
    main()
