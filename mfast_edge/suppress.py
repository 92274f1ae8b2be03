"""Side door: a run's graph with decoding and NMS inside, for those who want detections and not raw outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mfast_edge.door import door, guarded

if TYPE_CHECKING:
    import numpy as np

    from mfast_edge.models.detections import Detections, Forward
    from mfast_edge.opened import Opened

SCORE, PARITY = 0.05, 0.99  # of detections scored so, the share that must match

app = door()


@app.command()
def suppress(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run that ends in a graph.")],
    out: Annotated[Path, typer.Option(help="The .onnx file to write.")],
    nms: Annotated[
        Literal["onnx", "tensorrt"], typer.Option(help="NonMaxSuppression, or the plugin EfficientNMS_TRT.")
    ] = "onnx",
    photos: Annotated[int, typer.Option(min=1, help="Photos of val on which detections are compared.")] = 50,
) -> None:
    """Write the graph of RUN with NMS inside, and compare its detections with this project's own on val."""
    from mfast_edge.opened import opened

    same = written(opened(run), out, nms, photos)
    how = "" if nms == "onnx" else ", by its twin with ONNX's NonMaxSuppression: the plugin itself was not run here"
    passed = same["share"] >= PARITY and same["total"] > 0
    print(f"{out}: {same['share']:.2%} of {same['total']} detections match (at least {PARITY:.0%} must){how}")
    raise typer.Exit(0 if passed else 1)


def written(source: Opened, out: Path, nms: Literal["onnx", "tensorrt"], photos: int) -> dict[str, Any]:
    """The file at `out`; how its detections match. UserError where the run ends in no graph, or has no NMS."""
    from tempfile import TemporaryDirectory

    from export.nms import Rule, suppress
    from mfast_edge.errors import UserError
    from mfast_edge.models.unpack import unpacker
    from mfast_edge.opened import graph

    if source.candidate.form != "onnx" or not source.page:
        raise UserError(f"suppress: {source.candidate.folder} is no run that ends in a graph; one would be right")
    if not out.parent.is_dir() or out.suffix != ".onnx":
        raise UserError(f"--out: {out} given; an .onnx file in a folder that exists would be right")
    facts = source.facts
    unpack = unpacker(source.model.decoder, facts)
    rule = Rule(facts["score_threshold"], facts["iou_threshold"], facts["detections"])
    suppress(source.candidate.file, out, unpack, rule, nms)
    with TemporaryDirectory() as folder:
        twin = Path(folder) / "twin.onnx"
        suppress(source.candidate.file, twin, unpack, rule, "onnx")
        return compared(source, graph(twin, "onnxruntime", 1), photos)


def compared(source: Opened, forward: Forward, photos: int) -> dict[str, Any]:
    """Detections of the graph that suppresses and of the one that does not, by this project's decoder."""

    from mfast_edge.data.index import again
    from mfast_edge.data.photo import load
    from mfast_edge.models.detections import detect
    from mfast_edge.tasks.parity import match

    records = again(source.page["data"], cache=source.runs / "data").splits["val"][:photos]
    raw, decode = source.forward("onnxruntime"), source.model.decode
    pictures = [load(record) for record in records]
    ours = [detect(picture, raw, decode, source.facts) for picture in pictures]
    inside = [found(forward, picture, source.facts) for picture in pictures]
    return match(ours, inside, score=SCORE)._asdict()


def found(forward: Forward, picture: np.ndarray, facts: dict[str, Any]) -> Detections:
    """What a graph that suppresses itself finds in a photo, in its pixels."""
    import numpy as np

    from mfast_edge.models.detections import Detections, pixels
    from mfast_edge.models.resize import blob

    count, boxes, scores, classes = forward(blob(picture, (facts["height"], facts["width"]), pixels(forward)))
    many, (height, width) = int(count[0, 0]), picture.shape[:2]
    scale = np.array([width, height, width, height], np.float32)
    return Detections(boxes[0, :many] * scale, scores[0, :many], classes[0, :many].astype(np.int64))


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
