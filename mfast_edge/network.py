"""Side door: a network in YAML as a table of its layers, parameters and multiply-adds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from mfast_edge.networks.table import Row

SIZE = 224  # px, where neither the command nor the file says another
LEAST, LARGE = 32, 8192  # px
MOST = 8  # times the channels or repeats

app = door()


@app.command()
def network(
    name: Annotated[str, typer.Argument(help="A network's name in configs/networks, or the path of a YAML file.")],
    size: Annotated[int | None, typer.Option(help="The input's side in pixels; else the file's, else 224.")] = None,
    classes: Annotated[int, typer.Option(help="How many classes.", min=1, max=100_000)] = 1000,
    width: Annotated[float, typer.Option(help="Times so many channels, on top of the file's width_multiple.")] = 1.0,
    depth: Annotated[float, typer.Option(help="Times so many repeats, on top of the file's depth_multiple.")] = 1.0,
) -> None:
    """Print the network's entries, each with its parameters and multiply-adds (of convolutions and linear layers)."""
    from rich.console import Console

    from mfast_edge.networks.files import read
    from mfast_edge.networks.grammar import Asked, outputs, parse, whole

    tree = read(name, name)
    side = size or tree.get("input_size", SIZE)
    if not whole(side) or not LEAST <= side <= LARGE or not all(0 < times <= MOST for times in (width, depth)):
        raise UserError(f"--size, --width, --depth: {side}, {width:g} and {depth:g} given; {LEAST} to {LARGE} px and "
                        f"numbers above 0 and up to {MOST} would be right")  # fmt: skip
    entries = parse(tree, Asked(classes, side, width, depth), name)
    from mfast_edge.networks.table import table

    rows = table(entries, side, outputs(tree, len(entries), name))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(drawn(rows))
    print(summary(name, rows, side, classes))


def drawn(rows: Sequence[Row]) -> Table:
    """The rows as they are printed."""
    from rich.table import Table

    found = Table()
    for head in ("", "from", "n", "module", "arguments", "out", "parameters", "MACs"):
        found.add_column(head, justify="right" if head in ("", "n", "parameters", "MACs") else "left")
    for one in rows:
        froms = " ".join(map(str, one.sources))
        cells = (one.number, froms, one.repeat, one.module, one.arguments, one.shape)
        found.add_row(*map(str, cells), f"{one.parameters:,}", f"{one.macs:,}")
    return found


def summary(name: str, rows: Sequence[Row], size: int, classes: int) -> str:
    """One line on the whole."""
    parameters, macs = sum(one.parameters for one in rows), sum(one.macs for one in rows)
    return f"{name}: {len(rows)} entries, {parameters:,} parameters, {macs:,} MACs at {size} px, {classes} classes"


def main() -> None:
    """python -m mfast_edge.network."""
    guarded(app)


if __name__ == "__main__":
    main()
