"""The front door: a model, a data set and a device in; one line per stage and a measured, deployable file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mfast_edge.crew import follow, follows, leave
from mfast_edge.door import command, door, guarded
from mfast_edge.models import MODELS

app = door()


@app.command()
def compress(  # noqa: PLR0913 - the arguments of the command
    model: Annotated[str, typer.Option(help=f"{', '.join(MODELS)}, a network in YAML, FILE.onnx.")] = "ssd_mbv1",
    target: Annotated[str, typer.Option(help="A device's name, or the path of its YAML file.")] = "x86",
    data: Annotated[
        str | None, typer.Option(help="FORMAT:PATH or particles, several joined by +; the plan's if absent.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="A class map: a YAML file, person, kitti, or typed: person=man+woman,car.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option(help="quick, full, heavy, graph, a .yaml file …; the task's if absent.")
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Weights to start from: .safetensors or a state_dict.")] = None,
    budget: Annotated[float | None, typer.Option(help="Points of val mAP@.5 or macro F1 that may be lost.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting: prune.keep=0.4, model.size=256, seed=1.")
    ] = None,
    search: Annotated[int | None, typer.Option(help="Search the plan's space first: so many trials.", min=1)] = None,
    hours: Annotated[float | None, typer.Option(help="Search for so long first, over all runs of it.", min=0)] = None,
    storage: Annotated[str | None, typer.Option(help="Of a search: a journal file, or postgresql://…")] = None,
    until: Annotated[str | None, typer.Option(help="Stop after this stage.")] = None,
    out: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs"),
    name: Annotated[str | None, typer.Option(help="The run's folder; <model>-<data>-<target> if absent.")] = None,
    device: Annotated[Literal["cpu", "cuda"] | None, typer.Option(help="cuda if present.")] = None,
    processes: Annotated[
        int, typer.Option(help="So many processes on this machine train together; several machines: torchrun.", min=1)
    ] = 1,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; only the data are read.")] = False,
) -> None:
    """Train, compress, export and measure MODEL on DATA for TARGET. The same command again goes on where it ended."""
    if follows():  # one of several: what is done the first one says
        from mfast_edge.job import learn

        leave(follow(learn))
    from mfast_edge.plan import usual
    from mfast_edge.run import Asked, run

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
        until,
        out,
        name,
        device,
        json_,
        dry_run,
        command("mfast_edge.compress"),
        processes,
        storage,
    )
    raise typer.Exit(run(asked))


def main() -> None:
    """Run the door behind the one place where errors become exit codes."""
    guarded(app)


if __name__ == "__main__":
    main()
