"""What an ablation varies: one factor at a time on top of a base, as rows of settings that are checked beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import Field

from mfast_edge.cutoffs import STAGE as THRESHOLDS
from mfast_edge.cutoffs import Cutoffs, cut
from mfast_edge.errors import UserError
from mfast_edge.run import Asked, build_settings, check_sizes, check_stages, check_teachers, furnish
from mfast_edge.settings import Settings, check, named

if TYPE_CHECKING:
    from mfast_edge.plan import Plan
    from mfast_edge.terminal import Terminal
    from mfast_edge.workshop import Workshop

Factors = Mapping[str, Mapping[str, Mapping[str, Any]]]  # factor → value as told → {setting: value}
DOOR = ("model", "init", "data", "classes", "plan")  # what is no setting of a plan, and may be a factor all the same

JUDGING = {"budget", "likeness"}  # settings of a plan that change nothing where every stage is kept


class Ablation(Settings):
    """configs/ablations/<name>.yaml: the base as `compress` takes it, and the factors."""

    name: str = "ablation"
    title: str = ""
    model: str = "ssd_mbv1"
    target: str = "x86"
    data: str | None = None
    classes: str | None = None
    plan: str | None = None  # the one of the model's task if None
    init: Path | None = None
    until: str | None = None  # the last stage that is run; the last that a factor is about if None
    seeds: Annotated[int, Field(ge=1)] = 1
    set: dict[str, Any] = Field(default_factory=dict)
    factors: dict[str, list[Any] | dict[str, dict[str, Any]]] = Field(default_factory=dict)

    @property
    def variants(self) -> Factors:
        """Every value of every factor as the settings that it stands for."""
        return {name: dict(valued(name, given)) for name, given in self.factors.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the base (without a factor), or the base with one factor changed."""

    factor: str = ""
    value: str = ""
    changes: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """`train.lr=0.001`."""
        return f"{self.factor}={self.value}" if self.factor else "the base"


@dataclass(frozen=True, slots=True)
class Trial:
    """A row at one seed, ready to be made."""

    row: Row
    plan: Plan
    shop: Workshop
    cutoffs: Cutoffs


def valued(
    name: str, given: Sequence[Any] | Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(value as told, the settings it stands for): a list varies the setting `name`, a mapping names sets of them."""
    if isinstance(given, Mapping):
        yield from given.items()
    else:
        yield from ((value if isinstance(value, str) else json.dumps(value), {name: value}) for value in given)


def read(name: str | None, given: Mapping[str, Any], factors: Sequence[str]) -> Ablation:
    """An ablation by name, path or nothing, with the command line's own on top. UserError: nothing varies."""
    tree = named("ablations", name, "ablate") if name else {}
    wished = {key: value for key, value in given.items() if value is not None}
    both = {"set": {**tree.get("set", {}), **wished.pop("set", {})}}
    both["factors"] = {**tree.get("factors", {}), **dict(map(typed, factors))}
    found = check(Ablation, {**tree, **wished, **both}, f"ablation {name or ''}".rstrip())
    if not any(found.variants.values()):
        raise UserError("ablate: nothing varies; --factor train.lr=0.001,0.0003 or a name with factors would be right")
    told = {setting for values in found.variants.values() for changes in values.values() for setting in changes}
    if idle := sorted(told & JUDGING):
        raise UserError(
            f"--factor {idle[0]}: decides what a judge keeps, and here all is kept; a stage's would be right"
        )
    return found


def typed(text: str) -> tuple[str, list[Any]]:
    """`train.lr=1e-3,3e-4` as (name, values)."""
    name, equals, values = text.partition("=")
    try:
        found = yaml.safe_load(f"[{values}]")
    except yaml.YAMLError:
        found = None
    if not equals or not name.strip() or not found:
        raise UserError(f"--factor: {text!r} given; a setting and its values would be right: train.lr=0.001,0.0003")
    return name.strip(), found


def rows(ablation: Ablation) -> list[Row]:
    """The base, then every value of each factor."""
    every = [
        Row(factor, value, changes) for factor, values in ablation.variants.items() for value, changes in values.items()
    ]
    return [Row(), *every]


def trial(ablation: Ablation, row: Row, nth: int, asked: Asked, terminal: Terminal) -> Trial:
    """The row at the `nth` seed after the plan's own; `asked` has the base. UserError names the row's mistake."""
    try:
        return prepared(ablation, row, nth, asked, terminal)
    except UserError as wrong:
        raise wrong if not row.factor else UserError(f"--factor {row.name}: {wrong}") from None


def prepared(ablation: Ablation, row: Row, nth: int, asked: Asked, terminal: Terminal) -> Trial:
    """The plan and its surroundings, cut after the last stage that is run; checked as a run is."""
    from mfast_edge import model as models
    from mfast_edge import plan as plans
    from mfast_edge import target as targets
    from mfast_edge.models import MODELS

    settings = {**ablation.set, **(row.changes or {})}
    door = {name: settings.pop(name) for name in DOOR if name in settings}
    if door.get("init"):
        door["init"] = Path(door["init"])
    cutoffs = {name: settings.pop(name) for name in list(settings) if name.startswith(f"{THRESHOLDS}.")}
    mine = replace(asked, **door, set=tuple(f"{name}={json.dumps(value)}" for name, value in settings.items()))
    model, target = models.find(mine.model, MODELS), targets.find(mine.target)

    def built(given: Mapping[str, Any]) -> object:
        return build_settings(model, given, mine.init, ("any",))

    plan = plans.read(mine.plan, target, mine.given, built)
    if nth:
        plan = replace(plan, seed=plan.seed + nth)
    plan = ended(plan, ablation)
    shop = furnish(mine, model, target, plan, terminal)
    check_teachers(plan, shop)
    check_sizes(plan, shop)
    check_stages(plan, shop)
    wanted = {name.removeprefix(f"{THRESHOLDS}."): value for name, value in cutoffs.items()}
    let = check(Cutoffs, wanted, THRESHOLDS)
    cut(shop.model.facts(shop.build), let)
    return Trial(row, plan, shop, let)


def ended(plan: Plan, ablation: Ablation) -> Plan:
    """The plan up to the stage asked for, else up to the last one that a factor is about, at least the first."""
    names = [name for name, _ in plan.stages]
    if ablation.until is not None and ablation.until not in names:
        raise UserError(
            f"--until: {ablation.until!r} is not a stage of plan {plan.name}; its stages: {', '.join(names)}"
        )
    about = {
        dotted.partition(".")[0]
        for values in ablation.variants.values()
        for changes in values.values()
        for dotted in changes
    }
    last = ablation.until or next((name for name in reversed(names) if name in about), names[0])
    return replace(plan, stages=plan.stages[: names.index(last) + 1])


def comparable(base: Trial, other: Trial) -> None:
    """UserError where the two are not measured on the same photos and classes."""
    pairs = [[record.sha256 for record in one.shop.data.splits["val"]] for one in (base, other)]
    if pairs[0] != pairs[1] or base.shop.data.classes != other.shop.data.classes:
        raise UserError(
            f"--factor {other.row.name}: its val photos or classes are others than the base's, so nothing could be "
            "compared; data that change train alone would be right"
        )
