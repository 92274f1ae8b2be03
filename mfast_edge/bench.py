"""Side door: times runs, stored candidates and ONNX files here, all in the same alternating rounds."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfast_edge.door import door, guarded

if TYPE_CHECKING:
    from benchmarks.results import Results

app = door()


@app.command()
def bench(
    what: Annotated[list[Path], typer.Argument(help="Runs' folders, candidates' of runs/store, .onnx files.")],
    threads: Annotated[int, typer.Option(min=1, help="Cores that each call may use.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Alternating rounds.")] = 30,
    out: Annotated[Path | None, typer.Option(help="A folder to write <machine>.json into.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Time WHAT in each runtime that is here: forward, forward-backward, preparation, decoding, end to end."""
    from mfast_edge.raced import race

    command = "python -m mfast_edge.bench " + shlex.join(sys.argv[1:])
    told(race(what, threads, rounds, command), out, json_)


def told(made: Results, out: Path | None, as_json: bool) -> None:
    """The results on standard output, and in a folder if one is given."""
    import json
    from dataclasses import asdict

    from benchmarks import report, results

    print(json.dumps(asdict(made)) if as_json else report.table([made]), end="\n" if as_json else "")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        results.write(results.place(out, made), made)


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
