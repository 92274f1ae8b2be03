"""What a YOLO9000 is built from, and what decode must know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator, model_validator

from mfast_edge.backbones.origin import check_padding
from mfast_edge.errors import UserError
from mfast_edge.models import priors
from mfast_edge.models.yolo9000 import tree as trees
from mfast_edge.settings import Settings, rare

STRIDE = 32  # px, of the map that is predicted on
Backbone = Literal[
    "darknet19", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet"
]  # fmt: skip
Length = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Shape = tuple[Length, Length]  # an anchor's (height, width) in parts of the image
Shapes = Annotated[tuple[Shape, ...], Field(min_length=1)]


class Build(Settings):
    """Settings that decide a YOLO9000's shape before any compression.

    `anchors`: so many are fitted to the training photos' objects, or their shapes. `heads` lite are depthwise and 1x1
    convolutions, full the paper's 3x3. `vary`: training's size changes every ten batches by up to so many times 32 px
    (multi-scale training, section 2). `tree`: a YAML file of nested class names, or its rows; without one, all
    classes are siblings. `walk`: of a tree only the last class is told that the likeliest path reaches with at least
    this probability; without it every class has its own.
    """

    classes: tuple[str, ...] = Field(min_length=1)
    size: Annotated[int, Field(ge=2 * STRIDE, le=608, multiple_of=STRIDE)] = 320
    width: Annotated[float, Field(gt=0, le=2)] = 0.5
    backbone: Backbone = "mobilenet_v1"
    padding: Literal["same", "centred"] = rare("same")
    heads: Literal["lite", "full"] = "lite"
    anchors: Annotated[int, Field(ge=1, le=20)] | Shapes = 5
    scores: Literal["softmax", "sigmoid"] = "softmax"
    vary: Annotated[int, Field(ge=0, le=9)] = rare(0)
    tree: tuple[trees.Node, ...] | None = rare(None)
    walk: Annotated[float, Field(ge=0, lt=1)] | None = rare(None)

    @field_validator("anchors", mode="wrap")
    @classmethod
    def counted(cls, given: Any, read: ValidatorFunctionWrapHandler) -> Any:
        """One mistake instead of one for each of the two ways to say it."""
        try:
            return read(given)
        except ValidationError:
            raise ValueError("1 to 20, or [[height, width], …] in parts of the image, would be right") from None

    @field_validator("tree", mode="before")
    @classmethod
    def grown(cls, given: Any) -> Any:
        """A file's content, so that keys depend on it and not on where it lies."""
        if isinstance(given, str | Path):
            return trees.read(Path(given))
        return trees.rows(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def whole(self) -> Self:
        """No setting that does nothing."""
        check_padding(self.padding, self.backbone)
        if self.tree is not None:
            trees.check(self.tree)
        if self.tree is not None and self.scores == "sigmoid":
            raise ValueError("scores: sigmoid given with a tree; softmax, over siblings, would be right")
        if self.tree is None and self.walk is not None:
            raise ValueError(f"walk: {self.walk:g} given without a tree; with one, or left out, would be right")
        return self

    @property
    def sides(self) -> tuple[int, ...]:
        """Input sides that training draws from; none where it has but one."""
        reach = STRIDE * self.vary
        return tuple(range(max(2 * STRIDE, self.size - reach), self.size + reach + 1, STRIDE)) if reach else ()

    def settled(self, objects: priors.Truths) -> Build:
        """With shapes for anchors: what only the data can tell. UserError: they do not suit."""
        if self.tree is not None:
            try:
                trees.placed(self.tree, self.classes)
            except ValueError as wrong:
                raise UserError(f"model.{wrong}") from None
        return fitted(self, objects, self.anchors) if isinstance(self.anchors, int) else self

    @property
    def table(self) -> Shapes:
        """Anchor (height, width) in parts of the image. UserError: they are yet to be fitted to data."""
        if isinstance(self.anchors, int):
            raise UserError(
                f"model.anchors: {self.anchors} given where no data tell their shapes; "
                "[[height, width], …] in parts of the image would be right"
            )
        return self.anchors

    @property
    def nodes(self) -> int:
        """Logits for each anchor."""
        return len(self.tree or self.classes)


def fitted(build: Build, objects: priors.Truths, count: int) -> Build:
    """The build with `count` anchors at the most, of the shapes that the objects have. UserError: there are none."""
    shapes = priors.sides(objects)
    if not len(shapes):
        raise UserError(
            "model.anchors: no box in the training photos to fit them to; "
            "photos with boxes, or [[height, width], …] in parts of the image, would be right"
        )
    found = np.round(priors.priors(shapes, count), 4).clip(1e-4)
    return build.model_copy(update={"anchors": tuple((float(h), float(w)) for h, w in found)})


def facts(build: Build) -> dict[str, Any]:
    """The blueprint's decode facts. `parents`: of every logit the one above it, -1 for the top, None for sigmoids;
    `nodes`: of every class its logit. Maps and shapes are those of the one level, as SSD's facts have them."""
    rows = build.tree or tuple((name, -1) for name in build.classes)
    return {
        "height": build.size,
        "width": build.size,
        "classes": list(build.classes),
        "maps": [build.size // STRIDE],
        "shapes": [[list(shape) for shape in build.table]],
        "parents": [parent for _, parent in rows] if build.scores == "softmax" else None,
        "nodes": trees.placed(rows, build.classes),
        "walk": build.walk,
        "score_threshold": 0.01,
        "iou_threshold": 0.5,
        "candidates": 300,
        "detections": 100,
    }
