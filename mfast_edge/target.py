"""One device: what it runs, how it likes its widths, how it is timed, what it must pass."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from benchmarks import timing as clock
from export import sessions
from export.rules import Rules, load_rules
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings, check, named, names, rare

RUNTIMES = (*sessions.RUNTIMES, *sessions.VARIANTS)  # tensorrt on the board only
Precision = Literal["float32", "float16", "bfloat16", "int8"]


class Int8(Settings):
    """How activations and weights are dressed in int8."""

    activations: Literal["uint8", "int8"]
    symmetric: bool
    per_channel: bool = True
    reduce_range: bool = False

    @model_validator(mode="after")
    def _held(self) -> Int8:
        if self.symmetric and self.activations != "int8":
            raise ValueError("symmetric with uint8 activations, which hold no negative values; int8 would be right")
        return self


class Timing(Settings):
    """Alternating rounds: each callable runs `seconds` in each of `rounds` rounds."""

    rounds: Annotated[int, Field(ge=clock.FEWEST)] = 30
    seconds: Annotated[float, Field(gt=0)] = 0.05
    warmup: Annotated[int, Field(ge=1)] = 10


class Target(Settings):
    """A device from configs/targets, or from the user's own YAML file.

    `rules` names what of configs/runtimes a graph must pass, all of them; the runtimes themselves if none.
    `memory_gb` is what the device builds engines in, `python` the version that the board comes with.
    """

    name: str
    title: str
    arch: tuple[str, ...]
    board: str = ""
    runtimes: tuple[str, ...] = Field(min_length=1)
    precisions: tuple[Precision, ...]
    int8: Int8 | None = None
    rounding: Annotated[int, Field(ge=1)] = 16
    dot: Annotated[int, Field(ge=1)] = 4
    threads: Annotated[int, Field(ge=1)] = 1
    opset: int = 13
    rules: str | tuple[str, ...] | None = None
    memory_gb: Annotated[float, Field(gt=0)] | None = rare(None)
    python: str = rare("")
    mb: Annotated[float, Field(gt=0)] = 100.0
    timing: Timing = Timing()

    @property
    def kin(self) -> bool:
        """Whether this machine is of the target's kind."""
        board = Path("/proc/device-tree/model")
        model = board.read_text(errors="replace") if board.is_file() else ""
        return platform.machine() in self.arch and self.board in model

    @property
    def here(self) -> bool:
        """Whether graphs take as long here as on the target; else their speed is known by proxy only. TensorRT runs
        no graphs: of its engines `times` says it."""
        return self.kin and "tensorrt" not in self.runtimes

    def times(self, runtime: str) -> bool:
        """Whether what `runtime` takes here is no proxy: one of the target's own, which works here."""
        return self.here or (runtime in self.runtimes and self.kin and sessions.available(runtime))

    @property
    def measured(self) -> tuple[str, ...]:
        """The runtimes that are timed on this machine: the target's own, or one stand-in."""
        return self.runtimes if self.here else ("onnxruntime",)

    @property
    def ruled(self) -> tuple[str, ...]:
        """The names of the rules that a graph must pass."""
        given = (self.rules,) if isinstance(self.rules, str) else self.rules
        return given or self.runtimes

    def takes(self) -> tuple[Rules, ...]:
        """Those rules, for the precisions that the device has."""
        return tuple(load_rules(name).on(self.precisions) for name in self.ruled)


def find(name: str) -> Target:
    """The target called `name`, or in the YAML file `name`; UserError names the known ones."""
    target = check(Target, described(name, "--target"), f"--target {name}")
    if not target.rules and "tensorrt" in target.runtimes:
        versions = ", ".join(one for one in names("runtimes") if one.startswith("tensorrt"))
        raise UserError(f"--target {name}: rules: none given for tensorrt; one of {versions} would be right")
    for what, given, known in (
        ("runtimes", target.runtimes, RUNTIMES),
        ("rules", target.ruled, names("runtimes")),
    ):
        if strange := [one for one in given if one not in known]:
            raise UserError(f"--target {name}: {what}: {strange[0]!r} is not known; known: {', '.join(known)}")
    return target


def described(name: str, where: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """A target's YAML; with `same_as: OTHER` laid over that of another one."""
    tree = named("targets", name, where)
    other = tree.pop("same_as", None)
    if other is None:
        return tree
    if not isinstance(other, str) or other in (*above, name):
        raise UserError(f"{where} {name}: same_as: {other!r} given; another target's name would be right")
    return {**described(other, f"{where} {name}: same_as", (*above, name)), **tree}
