"""What a classifier is built from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mfast_edge.errors import UserError
from mfast_edge.networks import files, grammar
from mfast_edge.networks.grammar import Asked, Entry
from mfast_edge.settings import Settings, rare

SIZE = 224  # px
Loss = Literal["cross_entropy", "focal", "logit_adjusted", "balanced"]
USED = {"focal": "gamma", "logit_adjusted": "tau", "balanced": "beta"}  # by a loss, of the settings that are its own
COUNTED = ("logit_adjusted", "balanced")  # by the training data's counts
HEADS = ("Linear", "FixedConv", "Conv")  # what logits come from
PASSIVE = ("GlobalAvgPool", "AvgPool", "MaxPool", "Flatten", "Dropout", "Identity")  # what may stand behind these
Multiple = Annotated[float, Field(gt=0, le=8)]


class Build(Settings):
    """Settings that decide a classifier's shape before any compression.

    `network`: the tree of a YAML file, or the name of one in configs/networks, or a path; `width` and `depth` multiply
    what the file says. No `size` given: the file's `input_size`, else 224 px. `padding`: instead of the file's, that of
    weights to begin from: same is TensorFlow's, centred torch's. `loss` by name, see loss.py; `gamma` is focal's, `tau`
    logit_adjusted's, `beta` balanced's, and these two are told the data's `counts`.
    """

    rate: ClassVar[float] = 2e-3  # the learning rate that suits in a recipe that says none
    classes: tuple[str, ...] = Field(min_length=1)
    size: Annotated[int, Field(ge=32, le=1024)] = SIZE
    width: Multiple = 1.0
    depth: Multiple = 1.0
    padding: Literal["same", "centred"] | None = rare(None)
    network: dict[str, Any] = Field(default="reference", validate_default=True)  # after what its entries depend on
    loss: Loss = rare("cross_entropy")
    smoothing: Annotated[float, Field(ge=0, lt=1)] = rare(0.0)
    gamma: Annotated[float, Field(gt=0, le=10)] = rare(2.0)
    tau: Annotated[float, Field(gt=0, le=10)] = rare(1.0)
    beta: Annotated[float, Field(gt=0, lt=1)] = rare(0.999)
    counts: tuple[Annotated[int, Field(ge=1)], ...] = rare(())  # training photos of each class, where the loss counts

    @model_validator(mode="before")
    @classmethod
    def sized(cls, given: Any) -> Any:
        """The file's own size, where none is given."""
        tree = files.opened(given, cls.model_fields["network"].default)
        size = tree.get("input_size") if isinstance(tree, dict) else None
        return {"size": SIZE if size is None else size, **given, "network": tree}

    @field_validator("network")
    @classmethod
    def kept(cls, tree: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """The tree must be buildable; it keeps no second input size, as `size` is the one that counts."""
        return grammar.settle(tree, info.data, grammar.parse)

    @model_validator(mode="after")
    def parsed(self) -> Self:
        """The network must end in as many logits as there are classes."""
        if "outputs" in self.network:
            raise ValueError("network names outputs, for detectors; without that key its last entry comes out")
        last = entries(self)[-1]
        if last.shape.side or last.shape.channels != len(self.classes):
            raise ValueError(
                f"network ends in {last.shape} with entry {last.number} {last.name}; a vector of {len(self.classes)}, "
                "the word classes in the last Linear or FixedConv, would be right"
            )
        if (maker := weighing(entries(self))).name not in HEADS:
            raise ValueError(
                f"network: the logits come from entry {maker.number} {maker.name}; Linear or FixedConv would be right"
            )
        return self

    @model_validator(mode="after")
    def learnt(self) -> Self:
        """No setting of a loss that is another's."""
        for name, knob in USED.items():
            if self.loss != name and getattr(self, knob) != Build.model_fields[knob].default:
                raise ValueError(f"{knob} with loss {self.loss}; loss: {name} beside it would be right")
        if self.counts and (self.loss not in COUNTED or len(self.counts) != len(self.classes)):
            raise ValueError("counts, which the data tell where a loss needs them; none would be right")
        return self

    def labelled(self, labels: Iterable[Sequence[int]]) -> Self:
        """The build that knows the training photos of each class, where its loss does. UserError: a class has none."""
        if self.loss not in COUNTED:
            return self
        found = Counter(one for each in labels for one in each)
        if lacking := [name for number, name in enumerate(self.classes) if not found[number]]:
            where = f"model.loss: {self.loss}, and no photo to train on shows {lacking[0]}"
            raise UserError(f"{where}; focal would be right")
        return self.model_copy(update={"counts": tuple(found[number] for number in range(len(self.classes)))})


def entries(build: Build) -> tuple[Entry, ...]:
    """The network's entries, with shapes."""
    tree = grammar.padded(build.network, build.padding)
    return grammar.parse(tree, Asked(len(build.classes), build.size, build.width, build.depth))


def weighing(found: Sequence[Entry]) -> Entry:
    """The entry with weights that the logits come from."""
    last = found[-1]
    while last.name in PASSIVE and last.sources[0] >= 0:
        last = found[last.sources[0]]
    return last


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
