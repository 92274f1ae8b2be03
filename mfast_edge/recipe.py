"""How a network is trained: the settings that `train` and every recovery share."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator

from benchmarks import machine
from mfast_edge.settings import Settings, rare

Flips = Literal["horizontal", "both"]
Teacher = Annotated[str, Field(pattern="^(float|[0-9a-f]{20})$")]  # this run's float network, or a key in the store
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Recipe(Settings):
    """AdamW under a one-cycle cosine, gradients clipped, the weights' moving average kept."""

    images: Annotated[int, Field(ge=1)] = 22000
    batch: Annotated[int, Field(ge=2)] = 16
    lr: Annotated[float, Field(gt=0)] = 6e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    clip: Annotated[float, Field(gt=0)] = 10.0
    flips: Flips = rare("horizontal")  # both: also upside down, for photos that have no up
    teacher: Teacher | None = rare(None)
    logits: Weight = rare(1.0)  # of the teacher's detections, beside the truth's
    features: Weight = rare(0.0)  # of its feature maps; at 0 they are not looked at
    precision: Literal["float32", "bfloat16"] | None = None  # what this machine multiplies fast

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

    def settled(self) -> Self:
        """The recipe with its precision decided."""
        return self if self.precision else self.model_copy(update={"precision": native()})


def native() -> Literal["float32", "bfloat16"]:
    """bfloat16 where the CPU has instructions for it; elsewhere it would be emulated."""
    return "bfloat16" if "avx512_bf16" in machine.instructions() else "float32"
