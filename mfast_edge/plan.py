"""Which stages, in which order, with which settings: a YAML plan made definite for one target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import Field

from mfast_edge.candidate import Candidate, Form
from mfast_edge.data.dealing import Split
from mfast_edge.errors import UserError
from mfast_edge.recipe import Recipe
from mfast_edge.settings import Settings, check, named
from mfast_edge.stages import STAGES
from mfast_edge.stages.decompose import Decompose
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.quantize import agree
from mfast_edge.target import Target, Timing

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.workshop import Workshop


LIKENESS = 0.99
FOR_INT8 = ("qat", "quantize")  # of no use where the target has no int8


class Stage(Protocol):
    """A frozen record of settings; `run` turns a finished parent into files in an empty folder."""

    version: ClassVar[str]

    @property
    def reads(self) -> tuple[str, ...]:
        """What else decides what comes of it: data, init, teacher, latency tables, ratios."""

    def gives(self, form: Form) -> Form | None:
        """The form that comes of `form`; None: cannot take that."""

    def fitted(self, target: Target) -> Stage:
        """The same stage with what the target decides filled in."""

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """Write the child's files into `work.files`; `work.state` survives a killed run."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """The settings as JSON values."""


class Head(Settings):
    """A plan's settings that belong to no stage."""

    name: str
    title: str = ""
    data: str = "particles"
    budget: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    seed: Annotated[int, Field(ge=0)] = 0
    model: dict[str, Any] = Field(default_factory=dict)
    timing: Timing | None = None
    joint: bool = False
    split: Split | None = None
    likeness: Annotated[float, Field(gt=0, lt=1)] | None = None
    stages: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages by name, resolved for a target; `left_out` says in a line what the target cannot use."""

    name: str
    title: str
    data: str
    budget: float
    seed: int
    model: Mapping[str, Any]
    stages: tuple[tuple[str, Stage], ...]
    left_out: tuple[str, ...]
    timing: Timing | None  # instead of the target's
    joint: bool = False  # the networks after the first are judged as a whole, by the file they become
    split: Split | None = None  # of data that bring none; by their content if None
    likeness: float = LIKENESS  # of a graph's raw outputs, as a cosine, where the plan adopts one

    @property
    def ends_in_int8(self) -> bool:
        """Whether stages are to be judged as the int8 networks they will become."""
        return any(name == "quantize" for name, _ in self.stages)


def read(
    name: str, target: Target, given: Mapping[str, Any], build: Callable[[Mapping[str, Any]], object] | None = None
) -> Plan:
    """The plan `name` with dotted settings `given` on top; UserError lists every mistake at once.

    `build` gives the model's settings and raises UserError where it cannot be built from them.
    """
    tree = named("plans", name, "--plan")
    where = f"plan {tree['name']}"
    mistakes: list[str] = []
    rows = list(entries(tree.get("stages"), where, mistakes))
    top = {key: value for key, value in tree.items() if key != "stages"}
    model = dict(top["model"]) if isinstance(top.get("model"), dict) else {}
    for dotted, value in given.items():
        place(dotted, value, (top, model, dict(rows)), mistakes)
    if isinstance(top.get("split"), dict):
        top["split"] = collect(Split, top["split"], f"{where}: split", mistakes)
    head = collect(Head, {**top, "stages": ()}, where, mistakes)
    built = attempt(partial(build, model), mistakes) if build else None
    stages = [(stage, collect(stage_class(stage), settings, f"{where}: {stage}", mistakes)) for stage, settings in rows]
    if mistakes or head is None:
        raise UserError("; ".join(mistakes))
    said = ["lr" in settings for _, settings in rows]
    fitted = [(name, rated(made, built, by).fitted(target)) for (name, made), by in zip(stages, said, strict=True)]
    kept, left_out = suited(fitted, target)
    chain(kept, where)
    return Plan(
        head.name, head.title, head.data, head.budget, head.seed, model, tuple(ending(kept, target)), tuple(left_out),
        head.timing, head.joint, head.split, alike(head, kept),
    )  # fmt: skip


def usual(model: str) -> str:
    """The plan for what `--model` says, where none was asked for. UserError: no such model."""
    from mfast_edge.model import find
    from mfast_edge.models import MODELS
    from mfast_edge.tasks.task import of

    return "graph" if model.lower().endswith(".onnx") else of(find(model, MODELS).task).PLAN


def rated(stage: Stage, built: object, said: bool) -> Stage:
    """The stage with a learning rate as the model wants it, in proportion to the recipe's or its optimiser's, where its
    build has one (its `rate`) and nobody else `said` one."""
    rate = getattr(built, "rate", None)
    if rate is None or not isinstance(stage, Recipe) or said:
        return stage
    usual = Recipe.model_fields["lr"].default
    return stage.model_copy(update={"lr": round(stage.lr * rate / usual, 9)})


def plain(plan: Plan) -> Plan:
    """The plan without what works on networks: train, and what makes graphs of it, each judged by itself."""
    return replace(plan, joint=False, stages=tuple(row for row in plan.stages if row[1].gives("torch") != "torch"))


def alike(head: Head, stages: list[tuple[str, Stage]]) -> float:
    """The likeness that graphs are judged by; UserError where none is."""
    if head.likeness is not None and stages[0][0] != "adopt":
        raise UserError(f"plan {head.name}: likeness given, and networks are judged by quality; budget would be right")
    return LIKENESS if head.likeness is None else head.likeness


def entries(stages: Any, where: str, mistakes: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(stage name, settings) of a YAML list of one-key mappings."""
    if not isinstance(stages, list) or not stages:
        mistakes.append(f"{where}: stages is {stages!r}; a list such as [train: {{images: 22000}}] would be right")
        return
    seen: set[str] = set()
    for entry in stages:
        name, settings = next(iter(entry.items())) if isinstance(entry, dict) and entry else (entry, {})
        if not isinstance(name, str) or name not in STAGES:
            mistakes.append(f"{where}: {name!r} is not a stage; known: {', '.join(STAGES)}")
        elif name in seen or (isinstance(entry, dict) and len(entry) > 1):
            mistakes.append(f"{where}: {entry!r} given; each stage once, one to an entry, would be right")
        elif not isinstance(settings or {}, dict):
            mistakes.append(f"{where}: {name}: {settings!r} given; settings such as {{images: 100}} would be right")
        else:
            seen.add(name)
            yield name, dict(settings or {})


def place(dotted: str, value: Any, trees: tuple[Any, Any, Any], mistakes: list[str]) -> None:
    """One --set into the plan's head, the model's build settings or a stage."""
    top, model, stages = trees
    room, dot, rest = dotted.partition(".")
    if not dot and room in Head.model_fields and room not in ("stages", "name", "model", "timing", "joint"):
        top[room] = value
    elif dot and room == "model":
        model[rest] = value
    elif dot and room == "split":
        top["split"] = {**(top.get("split") or {}), rest: value}
    elif dot and room in stages:
        stages[room][rest] = value
    else:
        known = ", ".join(["model", "split", *stages])
        mistakes.append(
            f"--set {dotted}: no such setting in this plan; known before the dot: {known}; "
            "alone: budget, data, seed, split, likeness"
        )


def collect(kind: type[Settings], given: Mapping[str, Any], where: str, mistakes: list[str]) -> Any:
    """A checked record, or None with its mistakes noted."""
    return attempt(partial(check, kind, given, where), mistakes)


def attempt(call: Callable[[], Any], mistakes: list[str]) -> Any:
    """What `call` returns, or None with its mistakes noted."""
    try:
        return call()
    except UserError as wrong:
        mistakes.append(str(wrong))
        return None


def stage_class(name: str) -> type[Settings]:
    """The settings class of a stage."""
    found: type[Settings] = import_module(STAGES[name]).STAGE
    return found


def suited(stages: list[tuple[str, Stage]], target: Target) -> tuple[list[tuple[str, Stage]], list[str]]:
    """Stages that the target can use, and a line for each one left out."""
    if target.int8 is not None:
        return stages, []
    kept = [(name, stage) for name, stage in stages if name not in FOR_INT8]
    gone = [name for name, _ in stages if name in FOR_INT8]
    verb = "are" if len(gone) > 1 else "is"
    line = f"{target.title} has no int8: {' and '.join(gone)} {verb} left out, the float graph is ready for fp16"
    return kept, [line] if gone else []


def ending(stages: list[tuple[str, Stage]], target: Target) -> Iterator[tuple[str, Stage]]:
    """The stages, told whether they end in int8 where they want layers' times in the form of the end; for a device
    that is not here times are by proxy, of float layers."""
    int8 = target.here and any(name == "quantize" for name, _ in stages)
    for name, stage in stages:
        if isinstance(stage, Decompose) or (isinstance(stage, Prune) and stage.by_table):
            yield name, stage.model_copy(update={"int8": int8 if stage.int8 is None else stage.int8})
        else:
            yield name, stage


def chain(stages: list[tuple[str, Stage]], where: str) -> None:
    """Refuse, before any work, an order in which a stage is given what it cannot take."""
    form: Form = "none"
    before: list[str] = []
    for name, stage in stages:
        after = stage.gives(form)
        if after is None:
            raise UserError(
                f"{where}: {name} cannot take what comes before it (form {form!r}); "
                "an order such as train, prune, export_onnx, quantize would be right"
            )
        if name == "refit" and "decompose" in before:
            raise UserError(
                f"{where}: refit comes after decompose, whose chains fit one size; before it would be right"
            )
        if form == after == "torch" and "qat" in before:
            raise UserError(f"{where}: {name} comes after qat, whose layers stay as they are; before it would be right")
        if {name, *before} >= {"quantize", "cast_fp16"}:
            raise UserError(
                f"{where}: {before[-1]} and {name}, each of which is made of the float graph; one of them would be "
                "right, another run for the other: what was trained is shared"
            )
        before.append(name)
        form = after
    if "qat" in before and "quantize" not in before[before.index("qat") :]:
        raise UserError(f"{where}: qat, and no quantize after it; qat, export_onnx, quantize would be right")
    agree(stages, where)
