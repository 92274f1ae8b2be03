"""Side door: times runs, candidates, ONNX files, or the zoo's models as built, in alternating rounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfast_edge.door import command, door, guarded

if TYPE_CHECKING:
    from benchmarks.results import Results

app = door()


@app.command()
def bench(  # noqa: PLR0913 - the arguments of the command
    what: Annotated[
        list[Path] | None, typer.Argument(help="Runs' folders, candidates' of runs/store, any .onnx files.")
    ] = None,
    models: Annotated[
        str, typer.Option(help="Instead of files, models or networks in YAML as built: ssd_mbv1,yolov1 or all.")
    ] = "",
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where --models are called.")] = "cpu",
    modes: Annotated[
        str, typer.Option(help="Of --models: eager,channels-last,compile,cuda-graphs; all if absent.")
    ] = "",
    precisions: Annotated[
        str, typer.Option(help="Of --models: float32,tf32,bfloat16,float16; all of the device if absent.")
    ] = "",
    data: Annotated[
        str, typer.Option(help="What --models are calibrated on, as compress takes it; particles:48x300 if absent.")
    ] = "",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of --models: model.size=256.")] = None,
    threads: Annotated[str, typer.Option(help="Cores that each call may use; several are swept: 1,2,4.")] = "1",
    batch: Annotated[str, typer.Option(help="Images in a call; several are swept: 1,4,16.")] = "",
    size: Annotated[
        list[str] | None, typer.Option(help="Sizes that a graph leaves open: 300x300, or NAME=1x3x300x300.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Alternating rounds.")] = 30,
    warmup: Annotated[int, typer.Option(min=1, help="Calls of each before the first round.")] = 5,
    single_stream: Annotated[
        bool, typer.Option("--single-stream", help="Then MLPerf's single stream; its 90th percentile counts.")
    ] = False,
    queries: Annotated[
        int | None, typer.Option(min=1, help="Least queries of --single-stream; 1024 if absent.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Least s of --single-stream; 600 if absent.")] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Peak memory, each in a process of its own.")] = False,
    roof: Annotated[bool, typer.Option("--roof", help="The share of this machine's measured peak.")] = False,
    score: Annotated[bool, typer.Option("--score", help="Runs beside their float network, and scores.")] = False,
    out: Annotated[Path | None, typer.Option(help="A folder to write <machine>.json into.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Time WHAT in each runtime that is here: forward, forward-backward, preparation, decoding, end to end."""
    from mfast_edge.benched import Asked, benched, stream
    from mfast_edge.raced import Protocol

    asked = Asked(
        tuple(what or ()),
        models,
        device,
        modes,
        precisions,
        data,
        tuple(set_ or ()),
        threads,
        batch,
        tuple(size or ()),
        score,
        Protocol(rounds, warmup, stream=stream(single_stream, queries, seconds), memory=memory, roof=roof),
        command("mfast_edge.bench"),
    )
    told(benched(asked, lambda made: keep(made, out)), json_)


def keep(made: Results, out: Path | None) -> None:
    """The results until now, in a folder if one is given."""
    from benchmarks import results

    if out:
        out.mkdir(parents=True, exist_ok=True)
        results.write(results.place(out, made), made)


def told(made: Results, as_json: bool) -> None:
    """The results on standard output."""
    import json
    from dataclasses import asdict

    from benchmarks import report

    print(json.dumps(asdict(made)) if as_json else report.table([made]), end="\n" if as_json else "")


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
