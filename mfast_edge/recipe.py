"""How a network is trained: the settings that `train` and every recovery share."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from benchmarks import machine
from mfast_edge.settings import Settings, rare

Flips = Literal["horizontal", "both"]


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
    precision: Literal["float32", "bfloat16"] | None = None  # what this machine multiplies fast

    def settled(self) -> Self:
        """The recipe with its precision decided."""
        return self if self.precision else self.model_copy(update={"precision": native()})


def native() -> Literal["float32", "bfloat16"]:
    """bfloat16 where the CPU has instructions for it; elsewhere it would be emulated."""
    return "bfloat16" if "avx512_bf16" in machine.instructions() else "float32"
