"""What of a layer decides its time: the same words for a network's layers and for the graphs that measure them."""

from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["image", "conv", "depthwise", "linear", "pool"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution, linear layer (with the activation that a runtime fuses into it) or max pooling, at batch 1.

    `side` is the side in px of the square map that comes out (1 for linear). `last`: its output goes to the
    network's outputs, moved only, as a detection head's does. Kind `image` stands for a network's input of
    `side` px: the call itself, copying and normalising the image. `path` names the module and decides nothing.
    """

    kind: Kind
    inside: int
    outside: int
    side: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    dilation: int = 1
    last: bool = False
    path: str = field(default="", compare=False)

    @property
    def macs(self) -> int:
        """Multiply-adds of one image."""
        if self.kind in ("image", "pool"):
            return 0
        each = self.kernel[0] * self.kernel[1] * self.side**2 * self.outside
        return each if self.kind == "depthwise" else each * self.inside

    @property
    def even(self) -> bool:
        """Whether each channel that comes out is made of the one that goes in."""
        return self.kind in ("depthwise", "pool")

    def wide(self, inside: int, outside: int) -> "Layer":
        """The same layer with other channels; an even one has `inside` on both sides."""
        return replace(self, inside=inside, outside=inside if self.even else outside)
