"""How a network is trained: the settings that `train` and every recovery share."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from benchmarks import machine
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings, rare

Flips = Literal["horizontal", "both"]
Named = Literal["ssd", "simple", "randaugment", "trivialaugment", "autoaugment", "augmix"]
USED = {  # by an augmentation policy, of the settings that are not everybody's
    "ssd": (),
    "simple": ("crop", "erase"),
    "randaugment": ("operations", "level", "crop", "erase"),
    "trivialaugment": ("crop", "erase"),
    "autoaugment": ("crop", "erase"),
    "augmix": ("crop", "erase"),
}
DEFAULT: dict[str, Named] = {"classify": "simple"}  # of tasks that do not find boxes
Teacher = Annotated[str, Field(pattern="^(float|[0-9a-f]{20})$")]  # this run's float network, or a key in the store
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Optimiser = Literal[
    "adamw", "adam", "sgd", "adadelta", "adagrad", "rmsprop", "rprop", "nadam", "radam", "adamax", "asgd", "lbfgs"
]
Schedule = Literal["cosine", "restarts", "linear", "constant"]
USUAL: dict[str, tuple[float, float]] = {  # lr where AdamW's is LR, weight decay; torch's own but for sgd's and asgd's
    "adam": (6e-4, 0.0),
    "sgd": (0.05, 5e-4),
    "adadelta": (1.0, 0.0),
    "adagrad": (0.01, 0.0),
    "rmsprop": (6e-4, 0.0),
    "rprop": (6e-4, 0.0),
    "nadam": (6e-4, 0.0),
    "radam": (6e-4, 0.0),
    "adamax": (2e-3, 0.0),
    "asgd": (0.05, 0.0),
    "lbfgs": (1.0, 0.0),
}
LR = 6e-4
UNDECAYED = ("rprop", "lbfgs")  # torch gives them no weight decay


@dataclass(frozen=True, slots=True)
class Policy:
    """How training photos are varied. ssd: torchvision's for SSD, the one that boxes follow. All others are for photos
    that are classified as a whole: a crop of at least the share `crop`, a flip, torchvision's transform of that name
    (randaugment: `operations` of the strength `level`, 0 to 30), a rectangle erased with the odds `erase`."""

    name: Named = "ssd"
    flips: Flips = "horizontal"
    operations: int = 2
    level: int = 9
    crop: float = 0.25
    erase: float = 0.0


class Recipe(Settings):
    """An optimiser under a one-cycle cosine, gradients clipped, the weights' moving average kept.

    `lr` and `weight_decay` are the optimiser's USUAL ones where they are not given; a stage with an lr of its own has
    the other optimisers' in proportion. `sgd_momentum` and `nesterov` are sgd's. rprop chooses its own steps: lr is the
    first, and no schedule changes it.
    """

    images: Annotated[int, Field(ge=1)] = 22000
    batch: Annotated[int, Field(ge=2)] = 16
    lr: Annotated[float, Field(gt=0)] = LR
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    clip: Annotated[float, Field(gt=0)] = 10.0
    optimiser: Optimiser = rare("adamw")
    sgd_momentum: Annotated[float, Field(ge=0, lt=1)] = rare(0.9)
    nesterov: bool = rare(False)
    schedule: Schedule = rare("cosine")
    flips: Flips = rare("horizontal")  # both: also upside down, for photos that have no up
    policy: Named | None = rare(None)  # the task's own, unless given
    operations: Annotated[int, Field(ge=1, le=14)] = rare(2)
    level: Annotated[int, Field(ge=0, le=30)] = rare(9)
    crop: Annotated[float, Field(gt=0, le=1)] = rare(0.25)
    erase: Annotated[float, Field(ge=0, le=1)] = rare(0.0)
    teacher: Teacher | None = rare(None)
    logits: Weight = rare(1.0)  # of the teacher's detections, beside the truth's
    features: Weight = rare(0.0)  # of its feature maps; at 0 they are not looked at
    precision: Literal["float32", "bfloat16"] | None = None  # what this machine multiplies fast

    @model_validator(mode="before")
    @classmethod
    def usual(cls, given: Any) -> Any:
        """What the optimiser usually has, where it is not said otherwise."""
        known = USUAL.get(str(given.get("optimiser"))) if isinstance(given, dict) else None
        if known is None:
            return given
        rate, decay = known
        return {"lr": rate * cls.model_fields["lr"].default / LR, "weight_decay": decay, **given}

    @model_validator(mode="after")
    def moved(self) -> Self:
        """No setting does nothing."""
        own, given = Recipe.model_fields, self.optimiser
        for name in ("sgd_momentum", "nesterov"):
            if given != "sgd" and getattr(self, name) != own[name].default:
                raise ValueError(f"{name} with {given}; optimiser: sgd beside it would be right")
        if self.nesterov and not self.sgd_momentum:
            raise ValueError("nesterov without momentum; sgd_momentum above 0 would be right")
        if given in UNDECAYED and self.weight_decay:
            raise ValueError(f"weight_decay with {given}, which has none; 0 would be right")
        if given == "rprop" and self.schedule != "cosine":
            raise ValueError("schedule with rprop, whose steps are its own; none would be right")
        return self

    @field_validator("logits", "features")
    @classmethod
    def taught(cls, weight: float, info: ValidationInfo) -> float:
        """Weights need a teacher, and a teacher needs a weight: no setting does nothing."""
        given = info.data
        if given.get("teacher") is None and weight != cls.model_fields[str(info.field_name)].default:
            raise ValueError("a teacher beside it would be right, such as teacher: float")
        if given.get("teacher") and info.field_name == "features" and weight == given.get("logits") == 0:
            raise ValueError("logits or features above 0 would be right, or else no teacher")
        return weight

    @property
    def steps(self) -> int:
        """Steps in all; the last epoch may be cut short."""
        return max(1, ceil(self.images / self.batch))

    def varied(self, task: str) -> Policy:
        """How photos are varied for a model of this task. UserError where that is not for it, or does nothing."""
        mine, whole = type(self).__name__.lower(), task in DEFAULT
        name = self.policy or DEFAULT.get(task, "ssd")
        if whole == (name == "ssd"):
            right = "simple, randaugment, trivialaugment, autoaugment or augmix" if whole else "ssd"
            raise UserError(f"{mine}.policy: {name} given, which is not for models that {task}; {right} would be right")
        for knob in ("operations", "level", "crop", "erase"):
            if knob not in USED[name] and getattr(self, knob) != Recipe.model_fields[knob].default:
                fit = ", ".join(one for one, knobs in USED.items() if knob in knobs)
                raise UserError(f"{mine}.{knob}: given, and policy {name} has none; policy {fit} would be right")
        return Policy(name, self.flips, self.operations, self.level, self.crop, self.erase)

    def settled(self) -> Self:
        """The recipe with its precision decided."""
        return self if self.precision else self.model_copy(update={"precision": native()})


def native() -> Literal["float32", "bfloat16"]:
    """bfloat16 where the CPU has instructions for it; elsewhere it would be emulated."""
    return "bfloat16" if "avx512_bf16" in machine.instructions() else "float32"
