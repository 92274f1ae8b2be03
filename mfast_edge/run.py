"""One run from what was asked to an exit code: plan, search, walk, proof, bundle, report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge import model as models
from mfast_edge import plan as plans
from mfast_edge import target as targets
from mfast_edge.candidate import digest
from mfast_edge.crew import Crew, hired
from mfast_edge.errors import UserError
from mfast_edge.models import MODELS
from mfast_edge.recipe import Recipe
from mfast_edge.settings import Settings, assignments, check
from mfast_edge.stages.build_engine import BuildEngine
from mfast_edge.store import Store, read_json, write_json
from mfast_edge.terminal import Terminal

if TYPE_CHECKING:
    from mfast_edge.judge import Judge
    from mfast_edge.model import Model
    from mfast_edge.pipeline import Row
    from mfast_edge.plan import Plan
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


FEWEST = 2  # photos to train on


@dataclass(frozen=True, slots=True)
class Asked:
    """The front door's arguments, as typed."""

    model: str
    target: str
    data: str | None
    classes: str | None
    plan: str
    init: Path | None
    budget: float | None
    set: tuple[str, ...]
    search: int
    hours: float | None
    until: str | None
    out: Path
    name: str | None
    device: str | None
    json: bool
    dry_run: bool
    command: str
    processes: int = 1
    storage: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Dotted settings on top of the plan's."""
        return assignments(self.set) | ({} if self.budget is None else {"budget": self.budget})


def run(asked: Asked) -> int:
    """0: every gate passed. 1: one failed; the report is written all the same."""
    if asked.model.lower().endswith(".onnx"):
        from mfast_edge.foreign import run as foreign

        return foreign.led(asked)
    with hired(asked.processes) as crew:
        return led(asked, crew)


def led(asked: Asked, crew: Crew) -> int:
    """The same, with these processes to train."""
    model, target = models.find(asked.model, MODELS), targets.find(asked.target)
    plan = plans.read(asked.plan, target, asked.given, lambda given: build_settings(model, given, asked.init, ("any",)))
    check_adopts(plan)
    check_until(asked.until, plan)
    check_storage(asked)
    terminal = Terminal(asked.json)
    check_engine(plan)
    shop = replace(furnish(asked, model, target, plan, terminal), crew=crew)
    check_teachers(plan, shop)
    check_sizes(plan, shop)
    check_stages(plan, shop)
    folder = asked.out / (asked.name or f"{models.title(model)}-{shop.data.name}-{target.name}")
    if asked.dry_run:
        return preview(plan, shop, folder, terminal)
    terminal.head(plan, shop, folder)
    check_target(plan, shop, terminal)
    if asked.search or asked.hours is not None:
        plan = best_of(asked, plan, shop, folder, terminal)
    rows = walked(plan, shop, folder, asked.until, terminal)
    final = proven(plan, shop, rows, folder, asked.command)
    terminal.end(final, folder)
    return 0 if all(gate["passed"] for gate in final["gates"]) else 1


def check_storage(asked: Asked) -> None:
    """A study is kept only of a search."""
    if asked.storage and not asked.search and asked.hours is None:
        raise UserError("--storage: nothing is searched; --search 20 or --hours 2 beside it would be right")


def check_until(until: str | None, plan: Plan) -> None:
    """--until must name a stage of the plan."""
    names = [name for name, _ in plan.stages]
    if until is not None and until not in names:
        raise UserError(f"--until: {until!r} is not a stage of plan {plan.name}; its stages: {', '.join(names)}")


def check_engine(plan: Plan) -> None:
    """An engine is built only where TensorRT and a GPU are, in float16 of a float graph only where TensorRT chooses
    types: refused before anything is read or trained."""
    stages = dict(plan.stages)
    stage = stages.get("build_engine")
    if isinstance(stage, BuildEngine):
        from export.board.engine import tensorrt
        from export.sessions import lack

        if why := lack("tensorrt"):
            raise UserError(f"build_engine: {why}; without the stage the bundle's run.py builds it on the device")
        chosen = stage.precision == "float16" or (stage.precision is None and stage.half)
        if chosen and not {"cast_fp16", "quantize"} & stages.keys() and not hasattr(tensorrt().BuilderFlag, "FP16"):
            raise UserError(
                f"build_engine: TensorRT {tensorrt().__version__} takes types as they stand in the graph; the stage "
                "cast_fp16 before it, or --set build_engine.precision=float32, would be right"
            )


def check_adopts(plan: Plan) -> None:
    """Only a file is adopted."""
    if plan.stages[0][0] == "adopt":
        raise UserError(f"plan {plan.name}: adopt takes a graph; --model FILE.onnx, or another plan, would be right")


def check_teachers(plan: Plan, shop: Workshop) -> None:
    """Stored networks that stages are to learn from must be there and fit, before anything is trained."""
    from mfast_edge import teacher

    for name, stage in plan.stages:
        asked = stage.model_dump(mode="json").get("teacher")
        if asked not in (None, teacher.FLOAT):
            teacher.find(asked, shop, f"{name}.teacher")


def check_sizes(plan: Plan, shop: Workshop) -> None:
    """The model must be buildable at every size that a stage asks for, before anything is trained."""
    for name, stage in plan.stages:
        if (size := stage.model_dump(mode="json").get("size")) is not None:
            check(shop.model.build, {**shop.build.model_dump(), "size": size}, name)


def check_stages(plan: Plan, shop: Workshop) -> None:
    """Anchors are fitted only to a model that has some, and photos varied only as its task allows."""
    from mfast_edge.stages.refit import Refit

    for _, stage in plan.stages:
        if isinstance(stage, Refit):
            stage.suits(shop.model)
        if isinstance(stage, Recipe):
            stage.varied(shop.model.task)


def check_target(plan: Plan, shop: Workshop, terminal: Terminal) -> None:
    """The target must take the graphs that the plan makes, before anything is trained; risks are told."""
    from mfast_edge.diagnosis import foretold, refused

    found = foretold(shop, plan)
    terminal.risks(found)
    if sentence := refused(found, shop):
        raise UserError(sentence)


def furnish(asked: Asked, model: Model, target: Target, plan: Plan, terminal: Terminal) -> Workshop:
    """Read the data's index, settle what the network is built from."""
    from mfast_edge.data.classes import parse
    from mfast_edge.data.index import read
    from mfast_edge.data.sample import labels, objects
    from mfast_edge.workshop import Workshop

    classes = parse(asked.classes) if asked.classes else None
    asked.out.mkdir(parents=True, exist_ok=True)
    if plan.timing:
        target = target.model_copy(update={"timing": plan.timing})
    data = read(
        asked.data or plan.data,
        cache=asked.out / "data",
        seed=plan.seed,
        how=plan.split,
        classes=classes,
        task=model.task,
    )
    if data.how and not data.deals:
        raise UserError(
            f"split: {data.spec} brings train, val and test; split.mini, or no split at all, would be right"
        )
    if len(data.splits["train"]) < FEWEST:
        raise UserError(f"data: {data.spec}: one photo to train on; batch norms need at least {FEWEST}")
    given = build_settings(model, plan.model, asked.init, data.classes)
    build = models.settled(given, objects(data.splits["train"]), labels(data.splits["train"]))
    store, device = Store(asked.out), asked.device
    return Workshop(model, build, data, target, store, plan.seed, device, asked.init, terminal.progress)


def build_settings(model: Model, given: Mapping[str, Any], init: Path | None, classes: tuple[str, ...]) -> Settings:
    """The model's build settings: given ones first, then what the weights were made with, then defaults."""
    inferred = {}
    if init is not None:
        from mfast_edge.backbones.weights import shapes

        inferred = model.infer(shapes(init))
    return check(model.build, {**inferred, "classes": classes, **given}, "model")


def preview(plan: Plan, shop: Workshop, folder: Path, terminal: Terminal) -> int:
    """--dry-run: stages, what the store holds already, expected minutes."""
    from mfast_edge.pipeline import expected

    terminal.preview(plan, shop, expected(plan, shop, judged(plan, shop, folder)))
    return 0


def best_of(asked: Asked, plan: Plan, shop: Workshop, folder: Path, terminal: Terminal) -> Plan:
    """The plan with the settings that the search found best, or without what shapes networks."""
    from mfast_edge.tuner import Tuner, space_of

    if both := sorted(set(asked.given) & set(space_of(plan, shop.model))):
        raise UserError(f"--set {both[0]}: the search looks for this setting; one of the two would be right")

    def planned(params: Mapping[str, Any]) -> Plan:
        return plans.read(asked.plan, shop.target, {**params, **asked.given}, lambda _: shop.build)

    given = asked.storage
    storage: Path | str | None = given if given is None or "://" in given else Path(given)
    return Tuner(planned, plan, shop, folder, terminal.trial, storage).best(asked.search or None, asked.hours)


def walked(  # noqa: PLR0913 - a run's own things
    plan: Plan, shop: Workshop, folder: Path, until: str | None, terminal: Terminal, judge: Judge | None = None
) -> list[Row]:
    """The stages, each told as it ends and noted in the journal; judged as networks are unless by another judge."""
    from mfast_edge.pipeline import walk

    folder.mkdir(parents=True, exist_ok=True)
    stages = [{name: stage.model_dump(mode="json")} for name, stage in plan.stages]
    write_json(folder / "plan.json", {"name": plan.name, "seed": plan.seed, "budget": plan.budget, "stages": stages})
    shop.data.report.write(folder / "data.json")

    def tell(row: Row) -> None:
        terminal.row(row)
        line = {
            "stage": row.stage,
            "key": row.candidate.key,
            "seconds": row.seconds,
            "keep": row.verdict.keep,
        }
        with (folder / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps(line) + "\n")

    return walk(plan, shop, judge or judged(plan, shop, folder), until=until, tell=tell)


def judged(plan: Plan, shop: Workshop, folder: Path) -> Judge:
    """The judge of a run."""
    from mfast_edge.judge import Judge
    from mfast_edge.stages.quantize import among

    return Judge(shop, plan.budget, among(plan.stages), folder / "verdicts", plan.joint)


def proven(plan: Plan, shop: Workshop, rows: list[Row], folder: Path, command: str) -> dict[str, Any]:
    """final.json: read if these very candidates were proven on this machine before, else measured."""
    about = [[row.candidate.key, row.verdict.keep] for row in rows]
    mark = digest([about, shop.machine, plan.budget, shop.target.model_dump(mode="json")])
    told = read_json(folder / "final.json")
    if told is None or told["mark"] != mark:
        (folder / "final.json").unlink(missing_ok=True)  # bundle and report are about to be another's
        from mfast_edge.packed import pack
        from mfast_edge.proof import prove
        from mfast_edge.report import write
        from mfast_edge.returned import attach

        told = {
            "mark": mark,
            "plan": plan.name,
            "left_out": plan.left_out,
            **prove(shop, rows, plan.budget, command, folder),
        }
        pack(judged(plan, shop, folder), rows, told, folder)
        told = attach(told, folder)
        write(shop, rows, told, folder)
        write_json(folder / "final.json", told)
    final: dict[str, Any] = told
    return final
