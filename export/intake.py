"""What a graph takes: size, layout, colours and how a pixel becomes a number, as its ONNX metadata say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import ModelProto

from export.errors import ExportError

Colours = Literal["RGB", "BGR"]
Triple = tuple[float, float, float]
KEY = "input"  # of the metadata: `RGB 0..255`, or `BGR (pixel - 104 117 123) / 1 1 1`
# What networks are trained on: (mean, standard deviation) of pixels 0..255, in the order of RGB.
SCALES: dict[str, tuple[Triple, Triple]] = {
    "0..255": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "0..1": ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    "-1..1": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """A pixel p of colour c becomes (p - mean[c]) / std[c]; mean and std in the order of `colours`."""

    mean: Triple = SCALES["0..255"][0]
    std: Triple = SCALES["0..255"][1]
    colours: Colours = "RGB"

    @classmethod
    def called(cls, name: str, colours: Colours) -> "Scale":
        """One of SCALES by its name."""
        mean, std = SCALES[name]
        return cls(mean, std, "RGB") if colours == "RGB" else cls(_turned(mean), _turned(std), "BGR")

    def __str__(self) -> str:
        for name in SCALES:
            if Scale.called(name, self.colours) == self:
                return f"{self.colours} {name}"
        mean, std = (" ".join(f"{value:.9g}" for value in three) for three in (self.mean, self.std))
        return f"{self.colours} (pixel - {mean}) / {std}"

    @classmethod
    def read(cls, text: str) -> "Scale":
        """What `str` wrote. Raises ExportError."""
        colours, _, rest = text.partition(" ")
        order: Colours = "BGR" if colours == "BGR" else "RGB"
        if colours in ("RGB", "BGR") and rest in SCALES:
            return cls.called(rest, order)
        numbers = rest.replace("(pixel -", "").replace(") /", "").split()
        try:
            a, b, c, d, e, f = map(float, numbers)
        except ValueError:
            raise ExportError(f"{KEY}: {text!r} in the graph's metadata; RGB 0..255 or BGR 0..1 are right") from None
        return cls((a, b, c), (d, e, f), order)


@dataclass(frozen=True, slots=True)
class Intake:
    """A graph's own input: call it with an image as all our graphs take it, float32 (1, 3, H, W), RGB 0..255."""

    height: int
    width: int
    scale: Scale
    channels_last: bool = False
    kind: str = "float32"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The image as the graph takes it; the same array where that is what our graphs take."""
        if self.scale != Scale():
            image = image[:, ::-1] if self.scale.colours == "BGR" else image
            mean, std = (np.array(three, np.float32)[:, None, None] for three in (self.scale.mean, self.scale.std))
            image = (image - mean) / std
        if self.channels_last:
            image = image.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(image, self.kind) if self.channels_last or self.kind != "float32" else image


def intake(path: Path) -> Intake:
    """What the graph at `path` takes; one that says nothing of pixels takes RGB 0..255. Raises ExportError."""
    model = onnx.load(path, load_external_data=False)
    told = {one.key: one.value for one in model.metadata_props}
    return of(model, Scale.read(told.get(KEY, "RGB 0..255")))


def of(model: ModelProto, scale: Scale) -> Intake:
    """The intake of a graph with one image input of fixed size, its pixels scaled so."""
    given = model.graph.input[0].type.tensor_type
    sizes = [size.dim_value for size in given.shape.dim]
    last = sizes[1] != 3 and sizes[3] == 3
    height, width = sizes[1:3] if last else sizes[2:4]
    kind = onnx.helper.tensor_dtype_to_np_dtype(given.elem_type).name
    return Intake(height, width, scale, last, kind)


def _turned(three: Triple) -> Triple:
    return three[2], three[1], three[0]
