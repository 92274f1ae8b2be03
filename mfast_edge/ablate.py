"""Side door: one factor at a time, everything else as it is: what each is worth in quality, time and score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mfast_edge.door import door, guarded
from mfast_edge.settings import assignments

if TYPE_CHECKING:
    from mfast_edge.ablated import Group
    from mfast_edge.ablation import Ablation
    from mfast_edge.contrast import Json
    from mfast_edge.plan import usual
    from mfast_edge.run import Asked

app = door()


@app.command()
def ablate(  # noqa: PLR0913 - the arguments of the command
    ablation: Annotated[str | None, typer.Argument(help="A name in configs/ablations, or a .yaml file.")] = None,
    factor: Annotated[
        list[str] | None, typer.Option(help="train.lr=0.001,0.0003, model=ssd_mbv1,ssd_mbv2, thresholds.iou=0.4,0.6.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="As for compress, and so are the next ones.")] = None,
    target: Annotated[str | None, typer.Option()] = None,
    data: Annotated[str | None, typer.Option()] = None,
    classes: Annotated[str | None, typer.Option()] = None,
    plan: Annotated[str | None, typer.Option()] = None,
    init: Annotated[Path | None, typer.Option()] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting of the base: train.images=4000.")] = None,
    until: Annotated[
        str | None, typer.Option(help="The last stage that is run; if absent the last that a factor is about.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="So many trainings of each row.", min=1)] = None,
    out: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs"),
    name: Annotated[str | None, typer.Option(help="The folder in runs/ablations; the file's name if absent.")] = None,
    device: Annotated[Literal["cpu", "cuda"] | None, typer.Option(help="cuda if present.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The rows and the minutes they may take.")] = False,
) -> None:
    """Make the base, and the base with one factor changed, for every value of every factor; compare on val.

    Rows differ from the base in one thing only; no stage is judged, all are kept. Everything goes through the store:
    what is there is not made again, and the same command goes on where it ended.
    """
    from mfast_edge.ablation import read
    from mfast_edge.run import Asked

    told = {"model": model, "target": target, "data": data, "classes": classes, "plan": plan, "init": init}
    wished = {**told, "until": until, "seeds": seeds, "name": name, "set": assignments(set_ or ())}
    found = read(ablation, wished, factor or ())
    asked = Asked(
        model=found.model, target=found.target, data=found.data, classes=found.classes,
        plan=found.plan or usual(found.model), init=found.init, budget=None, set=(), search=0, hours=None, until=None,
        out=out, name=None, device=device, json=json_, dry_run=dry_run, command="",
    )  # fmt: skip
    work(found, asked)


def work(ablation: Ablation, asked: Asked) -> None:
    """Check every row, make and measure them, print."""
    from mfast_edge.ablated import ablated, ahead, planned, table
    from mfast_edge.data.report import aligned
    from mfast_edge.terminal import Terminal

    terminal = Terminal(asked.json)
    groups = planned(ablation, asked, terminal)
    folder = asked.out / "ablations" / ablation.name
    if asked.dry_run:
        preview([(row.name, spent) for row, spent in ahead(groups, folder)], asked.json)
        return
    found = ablated(groups, folder, described(ablation, groups), terminal.trial)
    if asked.json:
        print(json.dumps(found))
        return
    print("\n".join(aligned([table(found)[0], *table(found)[1]])))
    print(f"{folder / 'ablation.md'} and ablation.json written")


def described(ablation: Ablation, groups: list[Group]) -> Json:
    """What is told of the whole beside the rows."""
    shop, plan = groups[0][0].shop, groups[0][0].plan
    told = {"model": shop.model.name, "data": shop.data.name, "target": shop.target.name, "plan": plan.name}
    stages = [{name: stage.model_dump(mode="json")} for name, stage in plan.stages]
    return {"name": ablation.name, "title": ablation.title, **told, "seeds": ablation.seeds, "base": stages}


def preview(rows: list[tuple[str, float]], as_json: bool) -> None:
    """--dry-run."""
    total = sum(spent for _, spent in rows)
    if as_json:
        print(json.dumps({"rows": [{"row": name, "minutes": spent} for name, spent in rows], "minutes": total}))
        return
    for name, spent in rows:
        print(f"{name:40} {f'about {spent:.1f} minutes' if spent else 'nothing to train'}")
    print(f"{len(rows)} rows, about {total:.1f} minutes of training; nothing was run")


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
