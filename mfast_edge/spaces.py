"""Space files: what may vary in a search, what it is for, what a trial may cost, and which trial wins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mfast_edge.errors import UserError
from mfast_edge.networks.slots import expand, from_slots
from mfast_edge.settings import Settings, check, named, names
from search.space import SpaceError, parse

Figure = Literal["quality", "ms", "mb", "parameters", "macs", "score", "ratio"]
Limited = Literal["ms", "mb", "parameters", "macs"]
Direction = Literal["maximize", "minimize"]
Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)] | Annotated[str, Field(pattern=r"^\d+(\.\d+)?x$")]
Share = Annotated[float, Field(ge=0, le=1)]
CLOCKED = ("ms", "score", "ratio")  # what a clock decides
Goals = dict[Figure, Direction]
Limits = Mapping[Limited, float | str]
Knobs = dict[str, Any]  # {dotted setting: {type, low, high, …}}
USUAL: Goals = {"quality": "maximize", "ms": "minimize"}


class Winner(Settings):
    """At least this quality, then fastest, then smallest."""

    quality: Share


class Score(Settings):
    """What scores 1: macro F1, and ms of one image."""

    f1: Share
    ms: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Space(Settings):
    """A search.

    `limits` are numbers, or times those of the reference: `1.5x`. `proxy` are the settings that trials have instead
    of the plan's, `reference` those of the network that trials are timed beside. A trial ends with the stage
    `until`, or else with the last stage that something varies in, at least train.
    """

    name: str
    title: str = ""
    objectives: Goals = Field(default_factory=lambda: dict(USUAL), min_length=1)
    limits: dict[Limited, Limit] = Field(default_factory=dict)
    sampler: Literal["tpe", "nsga2", "random", "evolution"] = "tpe"
    pruner: Literal["hyperband", "asha", "median", "none"] = "none"
    proxy: Knobs = Field(default_factory=dict)
    winner: Winner | None = None
    reference: Knobs = Field(default_factory=dict)
    score: Score | None = None
    clock: Literal["measured", "predicted"] = "measured"
    until: str | None = None
    settings: Knobs = Field(default_factory=dict)
    slots: Knobs = Field(default_factory=dict)

    @field_validator("objectives")
    @classmethod
    def upright(cls, given: Goals) -> Goals:
        """Quality goes up and all else down: nobody looks for a slow network."""
        if odd := [name for name, way in given.items() if (way == "maximize") != (name == "quality")]:
            right = "maximize" if odd[0] == "quality" else "minimize"
            raise ValueError(f"{odd[0]} to {given[odd[0]]}; {odd[0]}: {right} would be right")
        return given

    @model_validator(mode="after")
    def agreed(self) -> Space:
        """No section does nothing."""
        if self.score and "score" not in self.objectives:
            raise ValueError("score: given and no objective; objectives: {score: minimize} would be right")
        if self.pruner != "none" and not {"quality", "score"} & self.objectives.keys():
            raise ValueError(f"pruner: {self.pruner} watches quality, which is no objective; none would be right")
        if self.sampler == "evolution" and len(self.objectives) > 1:
            raise ValueError(
                "sampler: evolution breeds by one objective; nsga2, or objectives: {score: minimize}, would be right"
            )
        if both := sorted(self.proxy.keys() & self.names):
            raise ValueError(f"proxy: {both[0]} is searched too; one of the two would be right")
        return self

    @property
    def directions(self) -> tuple[str, ...]:
        """One for each objective."""
        return tuple(self.objectives.values())

    @property
    def curve(self) -> Direction:
        """Which way what is told of a running training gets better: a score, or the quality."""
        return "minimize" if "score" in self.objectives else "maximize"

    @property
    def least(self) -> float | None:
        """The quality that a winner has, if there is one that it must have."""
        return self.winner.quality if self.winner else None

    @property
    def clocked(self) -> bool:
        """Whether the answer depends on the machine that gives it."""
        return "ms" in self.limits or self.winner is not None or bool(set(CLOCKED) & self.objectives.keys())

    @property
    def knobs(self) -> Knobs:
        """What varies, those of the slots too."""
        return {**self.settings, **(expand(self.slots) if self.slots else {})}

    @property
    def names(self) -> set[str]:
        """The settings that a trial brings."""
        return {*self.settings, *(["model.network"] if self.slots else [])}

    def tree(self, params: Mapping[str, Any]) -> Knobs:
        """A trial's dotted settings of plan and model; the slots' together are `model.network`, where any is given."""
        mine = {name: value for name, value in params.items() if name not in self.settings}
        rest = {name: value for name, value in params.items() if name in self.settings}
        return {**rest, "model.network": from_slots(mine)} if mine else rest


SECTIONS = frozenset(Space.model_fields) - {"name", "title"}


def read(name: str) -> Space:
    """The space called `name`, or in the YAML file `name`; UserError lists every mistake at once."""
    tree, where = named("spaces", name, "--space"), f"space {name}"
    if not SECTIONS & tree.keys():
        raise UserError(
            f"{where}: a list of settings alone, as compress --search takes it; the same under settings:, beside "
            "objectives:, would be right"
        )
    mistakes: list[str] = []
    for call in (partial(check, Space, tree, where), partial(checked, tree, where)):
        try:
            call()
        except UserError as wrong:
            mistakes.append(str(wrong))
    if mistakes:
        raise UserError("; ".join(mistakes))
    return Space(**tree)


def flat(name: str) -> Knobs:
    """The knobs of a space of a plan's own settings, as `compress --search` takes it."""
    tree = named("spaces", name, "--search")
    if SECTIONS & tree.keys():
        raise UserError(f"--search: space {name} is for python -m mfast_edge.tune --space {name}, which would be right")
    return {dotted: knob for dotted, knob in tree.items() if dotted != "name"}


def plain() -> list[str]:
    """The names of the spaces that belong to plans."""
    return [name for name in names("spaces") if not SECTIONS & named("spaces", name, "--search").keys()]


def checked(tree: Mapping[str, Any], where: str) -> None:
    """UserError for knobs that cannot be searched."""
    settings, slots = tree.get("settings") or {}, tree.get("slots") or {}
    if not settings and not slots:
        raise UserError(f"{where}: nothing to vary; settings: {{train.lr: …}}, or slots:, would be right")
    mistakes = []
    for section, given in (("settings", settings), ("slots", slots)):
        try:
            if given and isinstance(given, Mapping):  # what is none was told before
                parse(expand(given) if section == "slots" else given)
        except (SpaceError, UserError) as wrong:
            mistakes.append(f"{where}.{section}: {wrong}")
    if (
        not mistakes
        and isinstance(slots, Mapping)
        and slots
        and (both := sorted(set(settings) & (set(expand(slots)) | {"model.network"})))
    ):
        mistakes.append(f"{where}.settings: {both[0]} is the slots'; one of the two would be right")
    if mistakes:
        raise UserError("; ".join(mistakes))
