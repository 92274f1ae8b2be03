"""What a classifier is built from."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from mfast_edge.networks import grammar
from mfast_edge.networks.grammar import Asked, Entry
from mfast_edge.settings import Settings

SIZE = 224  # px
Multiple = Annotated[float, Field(gt=0, le=8)]


class Build(Settings):
    """Settings that decide a classifier's shape before any compression.

    `network`: the tree of a YAML file, or the name of one in configs/networks, or a path; `width` and `depth` multiply
    what the file says. No `size` given: the file's `input_size`, else 224 px.
    """

    classes: tuple[str, ...] = Field(min_length=1)
    size: Annotated[int, Field(ge=32, le=1024)] = SIZE
    network: dict[str, Any] = Field(default="reference", validate_default=True)
    width: Multiple = 1.0
    depth: Multiple = 1.0

    @model_validator(mode="before")
    @classmethod
    def sized(cls, given: Any) -> Any:
        """The file's own size, where none is given."""
        asked = given.get("network", cls.model_fields["network"].default)
        tree = grammar.read(asked) if isinstance(asked, str) else asked
        size = tree.get("input_size") if isinstance(tree, dict) else None
        return {"size": SIZE if size is None else size, **given, "network": tree}

    @field_validator("network")
    @classmethod
    def plain(cls, tree: dict[str, Any]) -> dict[str, Any]:
        """A tree keeps no second input size: `size` is the one that counts."""
        return {name: value for name, value in tree.items() if name not in ("name", "input_size")}

    @model_validator(mode="after")
    def parsed(self) -> Self:
        """The network must be buildable at this size, and end in as many logits as there are classes."""
        last = entries(self)[-1]
        if last.shape.side or last.shape.channels != len(self.classes):
            raise ValueError(
                f"network ends in {last.shape} with entry {last.number} {last.name}; a vector of {len(self.classes)}, "
                "the word classes in the last Linear or FixedConv, would be right"
            )
        return self


def entries(build: Build) -> tuple[Entry, ...]:
    """The network's entries, with shapes."""
    return grammar.parse(build.network, Asked(len(build.classes), build.size, build.width, build.depth))


def facts(build: Build) -> dict[str, Any]:
    """The blueprint's decode facts: every class counts once, nothing is suppressed."""
    count = len(build.classes)
    return {
        "height": build.size,
        "width": build.size,
        "classes": list(build.classes),
        "score_threshold": 0.0,
        "iou_threshold": None,
        "candidates": count,
        "detections": count,
    }
