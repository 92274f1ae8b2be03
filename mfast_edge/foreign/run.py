"""One run on an ONNX file of any origin: what is asked is checked, then plan, walk, proof, bundle, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mfast_edge import plan as plans
from mfast_edge import target as targets
from mfast_edge.candidate import digest
from mfast_edge.errors import UserError
from mfast_edge.foreign.judge import ByLikeness
from mfast_edge.foreign.shop import Adopted, Named
from mfast_edge.foreign.told import GraphTerminal
from mfast_edge.settings import Settings
from mfast_edge.stages.adopt import Adopt
from mfast_edge.stages.quantize import Quantize
from mfast_edge.store import Store, read_json, write_json

if TYPE_CHECKING:
    from mfast_edge.model import Model
    from mfast_edge.pipeline import Row
    from mfast_edge.plan import Plan
    from mfast_edge.run import Asked
    from mfast_edge.target import Target

SUFFIX = ".onnx"
TRAINING = ("init", "classes", "budget", "search", "hours", "device")  # what is asked of networks only


def led(asked: Asked) -> int:
    """0: every gate passed. 1: one failed; the report is written all the same."""
    from mfast_edge.diagnosis import examined
    from mfast_edge.run import check_until, walked

    file, target = Path(asked.model).expanduser(), targets.find(asked.target)
    refuse(asked, file)
    plan = plans.read(asked.plan, target, asked.given)
    first = suits(plan, file)
    check_until(asked.until, plan)
    scaled = first.checked(file)
    terminal = GraphTerminal(asked.json)
    shop = furnish(asked, file, target, plan, terminal)
    folder = asked.out / (asked.name or f"{file.stem}-{shop.data.name}-{target.name}")
    judge = ByLikeness(shop, 0.0, None, folder / "verdicts", likeness=plan.likeness)
    if asked.dry_run:
        from mfast_edge.pipeline import expected

        terminal.preview(plan, shop, expected(plan, shop, judge))
        return 0
    terminal.head(plan, shop, folder)
    terminal.pixels(scaled)
    terminal.found(examined(file, target))
    rows = walked(plan, shop, folder, asked.until, terminal, judge)
    final = proven(plan, shop, rows, folder, asked.command)
    terminal.end(final, folder)
    return 0 if all(gate["passed"] for gate in final["gates"]) else 1


def refuse(asked: Asked, file: Path) -> None:
    """UserError for what only networks can be asked."""
    given = [name for name in TRAINING if getattr(asked, name)] + (["processes"] if asked.processes > 1 else [])
    if given:
        raise UserError(f"--{given[0]}: {file.name} is a graph, of which nothing is trained; without it would be right")


def suits(plan: Plan, file: Path) -> Adopt:
    """The plan's first stage, which takes the file; UserError where a stage wants a network, or other pixels."""
    first = plan.stages[0][1]
    needy = [name for name, stage in plan.stages[1:] if stage.gives("onnx") is None]
    if not isinstance(first, Adopt):
        needy.insert(0, plan.stages[0][0])
    if needy or not isinstance(first, Adopt):
        raise UserError(
            f"plan {plan.name}: {needy[0]} works on a network's weights and {file.name} is a graph; --plan graph, or "
            "stages such as adopt, quantize, would be right"
        )
    if plan.model:
        raise UserError(f"--set model.{next(iter(plan.model))}: a graph is as it is; adopt.size may be right")
    if any(name == "build_engine" for name, _ in plan.stages):
        raise UserError(f"plan {plan.name}: build_engine: of a graph the bundle's run.py builds engines, on the device")
    for name, stage in plan.stages:
        if isinstance(stage, Quantize) and (stage.pixels == "uint8" or stage.mixed):
            wrong = "pixels: uint8" if stage.pixels == "uint8" else "mixed"
            raise UserError(f"{name}.{wrong} given, which needs one of our models; without it would be right")
    return first


def furnish(asked: Asked, file: Path, target: Target, plan: Plan, terminal: GraphTerminal) -> Adopted:
    """Read the index of the photos; what is on them is not asked."""
    from mfast_edge.data.index import measurable

    asked.out.mkdir(parents=True, exist_ok=True)
    if plan.timing:
        target = target.model_copy(update={"timing": plan.timing})
    data = measurable(asked.data or plan.data, cache=asked.out / "data", seed=plan.seed, how=plan.split)
    model = cast("Model", Named(file.name if file.suffix == SUFFIX else f"{file.name}{SUFFIX}"))
    return Adopted(
        model, Settings(), data, target, Store(asked.out), plan.seed, asked.device, file, terminal.progress
    )  # fmt: skip


def proven(plan: Plan, shop: Adopted, rows: list[Row], folder: Path, command: str) -> dict[str, Any]:
    """final.json: read if these very candidates were proven on this machine before, else measured."""
    about = [[row.candidate.key, row.verdict.keep] for row in rows]
    mark = digest([about, shop.machine, plan.likeness, shop.target.model_dump(mode="json")])
    told = read_json(folder / "final.json")
    if told is None or told["mark"] != mark:
        (folder / "final.json").unlink(missing_ok=True)
        from mfast_edge.foreign.proof import pack, prove
        from mfast_edge.report import described, render, versions
        from mfast_edge.returned import attach

        made = prove(shop, rows, plan.likeness, command, folder)
        told = {"mark": mark, "plan": plan.name, "left_out": list(plan.left_out), **made}
        pack(shop, rows, told, folder)
        told = attach(told, folder)
        page = {"target": shop.target.title, "data": described(shop.data, shop.seed), "versions": versions()}
        write_json(folder / "page.json", page)
        render(told, folder)
        write_json(folder / "final.json", told)
    final: dict[str, Any] = told
    return final
