"""Side door: what a device will refuse of a model or of any ONNX file, and what to do instead, before any training."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from export.finding import Finding
    from export.rules import Rules
    from mfast_edge.model import Model
    from mfast_edge.target import Target

PHOTOS = "particles:12x96"  # drawn on the spot: to fit anchors to and to calibrate on

app = door()


@app.command()
def doctor(  # noqa: PLR0913 - the arguments of the command
    file: Annotated[Path | None, typer.Argument(help="An ONNX file, the project's own or a foreign one.")] = None,
    target: Annotated[str, typer.Option(help="A device's name, or the path of its YAML file.")] = "x86",
    model: Annotated[
        str | None, typer.Option(help="A model, or a network in YAML: its graphs are made with random weights.")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="With --model: the plan to look at; its task's if absent.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="With --model: model.size=256.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the findings as a list of JSON objects.")] = False,
) -> None:
    """Say what TARGET will not run, by which rule, and what to do instead. 0: nothing found, 1: findings."""
    from mfast_edge.target import find

    check(file, model, plan, set_)
    device = find(target)
    lines = list(sheet(device))
    if file:
        found, facts = looked(file, device)
        lines.append(facts)
    else:
        found = modelled(model, device, plan, tuple(set_ or ())) if model else []
    if file or model:
        lines.append(verdict(found, device))
    tell(found, lines, json_)
    raise typer.Exit(1 if found else 0)


def check(file: Path | None, model: str | None, plan: str | None, given: list[str] | None) -> None:
    """UserError where the arguments do not go together."""
    if file and model:
        raise UserError(f"--model: {model} given beside {file}; one of the two would be right")
    if not model and (plan or given):
        raise UserError("--plan, --set: given without --model; a model beside them would be right")


def looked(file: Path, target: Target) -> tuple[list[Finding], str]:
    """(findings, what the file is in a line). UserError where it is no ONNX file."""
    from export.errors import Unreadable
    from export.lint import summary
    from mfast_edge.diagnosis import examined

    try:
        found, facts = examined(file, target), summary(file)
    except Unreadable as wrong:
        raise UserError(str(wrong)) from None
    operators = ", ".join(f"{name} {count}" for name, count in facts.operators.items())
    external = "yes" if facts.external_data else "no"
    return found, (
        f"{file}: opset {facts.opset}, IR {facts.ir}, {facts.nodes} nodes ({operators}), {facts.qdq} Q/DQ, "
        f"external data: {external}"
    )


def modelled(name: str, target: Target, asked_plan: str | None, given: tuple[str, ...]) -> list[Finding]:
    """Findings in the graphs that a plan makes of a model with random weights, and in the plan if one was asked for."""
    from dataclasses import replace
    from functools import partial
    from tempfile import TemporaryDirectory

    from mfast_edge import model as models
    from mfast_edge import plan as plans
    from mfast_edge.diagnosis import tried, useless
    from mfast_edge.models import MODELS
    from mfast_edge.run import Asked, build_settings, furnish
    from mfast_edge.settings import assignments
    from mfast_edge.terminal import Terminal

    model, wanted = models.find(name, MODELS), assignments(given)
    build = partial(build_settings, model, init=None, classes=("any",))
    plan = replace(plans.read(asked_plan or plans.usual(name), target, wanted, build), split=None)
    with TemporaryDirectory() as folder:
        asked = Asked(
            name, target.name, drawn(model, Path(folder)), None, plan.name, None, None, given, 0, None, None,
            Path(folder), None, "cpu", True, False, "",
        )  # fmt: skip
        shop = furnish(asked, model, target, plan, Terminal(True))
        return [*(useless(plan, target) if asked_plan else ()), *tried(shop, plan)]


def drawn(model: Model, folder: Path) -> str:
    """Data that suit a model: PHOTOS; for a classifier what they show, cut out into class folders in `folder`."""
    from mfast_edge.data.crops import Cut, write
    from mfast_edge.data.index import read
    from mfast_edge.tasks.task import of

    if not of(model.task).WHOLE:
        return PHOTOS
    write(read(PHOTOS, cache=folder / "data"), folder / "classes", Cut(smallest=1))
    return f"folders:{folder / 'classes'}"


def sheet(target: Target) -> Iterator[str]:
    """What a device is, and what its runtimes take."""
    memory = [f"{target.memory_gb:g} GB"] if target.memory_gb else []
    python = [f"Python {target.python}"] if target.python else []
    yield f"{target.title}: {', '.join([*target.precisions, *memory, *python])}, opset {target.opset} is exported"
    for rules in target.takes():
        yield f"{rules.name}: {', '.join(traits(rules))} [{rules.source}]"
        if rules.note:
            yield f"{rules.name}: {rules.note}"


def traits(rules: Rules) -> Iterator[str]:
    """What a runtime takes, in words."""
    yield f"opset {rules.oldest} to {rules.opset}"
    count = len(rules.operators) + len(rules.restricted)
    yield f"{count} operators, {len(rules.restricted)} of them with restrictions" if count else "no table of operators"
    if api := rules.api:
        flags = " and ".join(api.precision_flags)
        yield f"built with the flags {flags}" if flags else "fp16 and int8 only as the graph is typed"
        yield f"workspace by {api.workspace}" if api.workspace != "either" else "workspace set either way"
        yield f"Python {api.python}"


def verdict(found: Sequence[Finding], target: Target) -> str:
    """The last line: how much was found; `not known` where a runtime's operators were never looked up."""
    unknown = [rules.name for rules in target.takes() if not rules.known]
    counted = f"{len(found)} finding{'' if len(found) == 1 else 's'} for {target.name}"
    return f"{counted}; not known for {', '.join(unknown)} but for what it has removed" if unknown else counted


def tell(found: Sequence[Finding], lines: Sequence[str], as_json: bool) -> None:
    """Findings on standard output, with --json as objects and all else on standard error."""
    for line in lines[:-1]:
        print(line, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps([one.told() for one in found], indent=1))
    for line in () if as_json else grouped(found):
        print(line)
    print(lines[-1], file=sys.stderr if as_json else sys.stdout)


def grouped(found: Iterable[Finding]) -> Iterator[str]:
    """A line for each rule, with the first node that breaks it and how many more do."""
    nodes: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        nodes.setdefault((one.rule, one.instead, one.source), []).append(one.node)
    for (rule, instead, source), names in nodes.items():
        more = f" and {len(names) - 1} more" if names[1:] else ""
        yield f"{names[0]}{more}: {rule}; instead: {instead} [{source}]"


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
