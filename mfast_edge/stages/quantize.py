"""quantize: a float graph → the same graph in static int8 Q/DQ, with ranges from qat or from photos of train."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from mfast_edge import precision
from mfast_edge.candidate import Candidate, Form
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings, rare
from mfast_edge.stages.mixed import Mixed
from mfast_edge.stages.qat import Qat
from mfast_edge.target import Int8

if TYPE_CHECKING:
    from mfast_edge.store import Work
    from mfast_edge.target import Target
    from mfast_edge.workshop import Workshop


class Quantize(Settings):
    """Static per-channel int8; the dressing is the target's, unless given.

    `equalise` rescales channels between layers, `correct_bias` takes the mean error out of biases, both by
    what the calibration photos show (Nagel 2019). `pixels` is what the graph takes: uint8, if not given,
    where activations are uint8 too, so that a photo needs no normalisation. `keep_float` names blocks that stay
    in float, such as heads.0; `mixed` chooses them from an autopsy. After qat ranges are those that were trained.
    """

    version: ClassVar[str] = "3"
    reads: ClassVar[tuple[str, ...]] = ("data",)
    images: Annotated[int, Field(ge=1)] = 100
    method: Literal["minmax", "percentile", "entropy", "mse"] = "minmax"
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.99
    equalise: bool = False
    correct_bias: bool = False
    pixels: Literal["float32", "uint8"] | None = None
    dressing: Int8 | None = None
    keep_float: tuple[str, ...] = rare(())
    mixed: Mixed | None = rare(None)

    def gives(self, form: Form) -> Form | None:
        """A graph, from a graph."""
        return "onnx" if form == "onnx" else None

    def fitted(self, target: Target) -> Quantize:
        """Dressed as the target asks, pixels decided, `mixed` settled; as it is where the target has no int8.

        UserError: `mixed` and `keep_float`, or pixels that the activations cannot hold.
        """
        if target.int8 is None:
            return self
        dressing = self.dressing or target.int8
        bytes_ = dressing.activations == "uint8"
        if self.pixels == "uint8" and not bytes_:
            raise UserError("quantize.pixels: uint8 given, with int8 activations; float32 would be right")
        decided: dict[str, Any] = {"dressing": dressing, "pixels": self.pixels or ("uint8" if bytes_ else "float32")}
        if self.mixed:
            if self.keep_float:
                raise UserError("quantize: keep_float and mixed given; one of the two would be right")
            decided["mixed"], decided["keep_float"] = self.mixed.resolved()
        return self.model_copy(update=decided)

    def unusual(self, target: Target) -> dict[str, Any]:
        """The settings by which the int8 graph of a network is not that of a plan that gives none but `images`."""
        usual = Quantize().fitted(target).model_dump(mode="json")
        mine = self.model_dump(mode="json", exclude={"images"})
        return {name: value for name, value in mine.items() if usual.get(name) != value}

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        """model.onnx in Q/DQ, the blueprint, the list of calibration photos unless qat has left the ranges."""
        known = precision.read(parent.folder)
        shop.quantize(parent.file, work.files / "model.onnx", self, known)
        shop.copy_blueprint(parent, work.files)
        if known is None:
            (work.files / "calibration.json").write_text(shop.calibration_list(self.images))


def among(stages: Iterable[tuple[str, object]]) -> Quantize | None:
    """The stage of a plan that makes int8; None where it has none."""
    return next((stage for _, stage in stages if isinstance(stage, Quantize)), None)


def agree(stages: Iterable[tuple[str, object]], where: str) -> None:
    """UserError where a plan's quantize wants otherwise what its qat has settled: ranges, weights, the dressing."""
    found = dict(stages)
    quantize, qat = found.get("quantize"), found.get("qat")
    if not isinstance(quantize, Quantize) or not isinstance(qat, Qat):
        return
    for name in ("images", "method", "percentile", "equalise", "correct_bias"):
        if (value := getattr(quantize, name)) != Quantize.model_fields[name].default:
            right = "qat.calibration" if name == "images" else "quantize without it"
            raise UserError(f"{where}: quantize.{name} is {value!r}, and qat settles that; {right} would be right")
    if quantize.dressing != qat.dressing:
        raise UserError(f"{where}: quantize.dressing is not qat.dressing; the same in both, or in none, would be right")


STAGE = Quantize
