"""What int8 costs and pays block by block, on photos of train: each block once in float, all others in int8.

That way round because it is what keeping a block in float would do: its own error goes, the errors and the
requantizing around it stay.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import timing
from export.blocks import blocks
from export.int8 import Dressing, dress, keeping
from export.pixels import taken
from export.ranges import Ranges, measure
from export.shape import pixels
from mfast_edge import precision
from mfast_edge.data.photo import load as load_photo
from mfast_edge.data.split import calibration
from mfast_edge.judge import alone, raced
from mfast_edge.models.detections import Detections, Outputs, finish
from mfast_edge.models.resize import blob
from mfast_edge.runners import float_graph, open_file
from mfast_edge.stages.quantize import Quantize
from mfast_edge.workshop import dressing

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.data.sample import Record
    from mfast_edge.workshop import Workshop

CALIBRATION = 100  # photos, as `quantize` takes
ALIKE = 0.5  # the IoU of a detection and its float twin


@dataclass(frozen=True, slots=True)
class Looked:
    """A graph's raw outputs on every photo, the task's FINE figures in points, errors against float.

    Of a detector these are mAP (IoU .5 to .95) and mAP@.5, of a classifier macro F1 and top-1.
    """

    outputs: Sequence[Outputs]
    points: Mapping[str, float]
    box_error: float  # 1 - the mean IoU with float's detections
    score_error: float  # the mean distance of the scores

    @property
    def first(self) -> float:
        """The figure that decides."""
        return next(iter(self.points.values()))


class Table:
    """Photos laid out, and graphs looked at on them."""

    def __init__(self, shop: Workshop, candidate: Candidate, records: Sequence[Record], runtime: str):
        self.shop, self.runtime, self.facts = shop, runtime, shop.facts(candidate)
        self.truths = [record.truth for record in records]
        photos = [load_photo(record) for record in records]
        self.sizes = [photo.shape[:2] for photo in photos]
        self.blobs = [blob(photo, (self.facts["height"], self.facts["width"])) for photo in photos]
        self.float: list[Detections] = []

    def look(self, graph: Path) -> Looked:
        """A graph on all photos; the first graph of all is the float one that the others are held against."""
        forward = open_file(graph, self.runtime, self.shop.target.threads)
        images = (taken(image, pixels(graph)) for image in self.blobs)
        return self.judge([[np.array(out) for out in forward(image)] for image in images])

    def judge(self, outputs: Sequence[Outputs]) -> Looked:
        """Raw outputs of all photos, decoded and compared with the truth and with float."""
        rows = zip(outputs, self.sizes, strict=True)
        found = [finish(out, size, self.shop.model.decode, self.facts) for out, size in rows]
        self.float = self.float or found
        task = self.shop.task
        quality = task.compare(self.truths, found, self.shop.data.classes).to_json()
        same = task.match(self.float, found, iou=ALIKE, delta=1.0)
        points = {column.key: 100 * quality[column.key] for column in task.FINE}
        return Looked(outputs, points, 1 - same.mean_iou, same.mean_score_delta)

    def mixed(self, one: Looked, other: Looked, number: int) -> Looked:
        """Output `number` of `one`, the rest of `other`: what that output alone does."""
        pairs = zip(one.outputs, other.outputs, strict=True)
        return self.judge([[*rest[:number], mine[number], *rest[number + 1 :]] for mine, rest in pairs])


def dissect(shop: Workshop, candidate: Candidate, photos: int, most: int) -> dict[str, Any]:
    """The autopsy of a network or its float graph, as JSON: `rows` a block each, `front` sets of blocks in float.

    Quality on `photos` of train that did not calibrate, as far as there are others; milliseconds here, in the
    runtime where the int8 graph is fastest. The front takes blocks by quality regained per ms, `most` of them at most,
    and measures each set as a whole: errors do not add up.
    """
    assert shop.target.int8 is not None
    source, plain = float_graph(shop, candidate), dressing(Quantize().fitted(shop.target), shop.target.int8)
    if known := precision.read(candidate.folder):
        ranges: Ranges = dict(known.ranges)
    else:
        images = shop.photos(source, CALIBRATION)
        ranges = measure(source, images, "minmax", percentile=100, symmetric=plain.symmetric)
    with tempfile.TemporaryDirectory() as folder:
        make = Maker(source, ranges, plain, Path(folder))
        whole = make(())
        runtime, _ = alone(shop, whole)
        table = Table(shop, candidate, apart(shop, photos), runtime)
        held, int8 = table.look(source), table.look(whole)
        singles = {name: make((name,)) for name in make.blocks}
        times = clock(shop, runtime, {"float": source, "int8": whole, **singles})
        rows = [row(table, name, table.look(path), int8, times) for name, path in singles.items()]
        order = ranked(rows, f"{shop.task.FINE[0].key}_regained")[:most]
        sets = [tuple(order[: count + 1]) for count in range(len(order))]
        front = measured(table, times, {chosen: make(chosen) for chosen in sets}, (source, whole))
    about = {"runtime": runtime, "machine": shop.machine, "target": shop.target.name, "photos": len(table.truths)}
    return {
        **about,
        "outputs": list(shop.model.outputs),
        "fine": [column._asdict() for column in shop.task.FINE],
        "float": told(held, times["float"]),
        "int8": {**told(int8, times["int8"]), "by_output": by_output(table, int8, held, held)},
        "rows": rows,
        "front": [{"keep_float": [], **told(int8, times["int8"])}, *front],
    }


class Maker:
    """Int8 graphs of one float graph, by the blocks that stay in float."""

    def __init__(self, source: Path, ranges: Ranges, plain: Dressing, folder: Path):
        self.source, self.ranges, self.plain, self.folder = source, ranges, plain, folder
        self.blocks = blocks(source)

    def __call__(self, names: tuple[str, ...]) -> Path:
        path = self.folder / f"{'+'.join(names) or 'int8'}.onnx"
        if not path.is_file():
            exclude = tuple(node for name in names for node in self.blocks[name])
            dress(self.source, path, self.ranges, keeping(self.plain, self.source, exclude))
        return path


def apart(shop: Workshop, count: int) -> tuple[Record, ...]:
    """Training photos, those first that do not calibrate."""
    drawn = calibration(shop.data, len(shop.data.splits["train"]), shop.seed)
    return (*drawn[CALIBRATION:], *drawn[:CALIBRATION])[:count]


def clock(shop: Workshop, runtime: str, graphs: Mapping[str, Path]) -> Mapping[str, timing.Series]:
    """The graphs on a grey image in alternating rounds."""
    return {name.split()[0]: series for name, series in raced(shop, graphs, [runtime]).items()}


def row(table: Table, name: str, looked: Looked, int8: Looked, times: Mapping[str, timing.Series]) -> dict[str, Any]:
    """A block: points regained and ms lost where it stays in float; `ratio` is its time to the int8 graph's."""
    ratio = timing.ratio(times[name], times["int8"])
    return {
        "block": name,
        **{f"{key}_regained": value - int8.points[key] for key, value in looked.points.items()},
        "by_output": by_output(table, looked, int8, int8),
        "box_error": looked.box_error,
        "score_error": looked.score_error,
        "ms_lost": timing.percentile(times[name], 50) - timing.percentile(times["int8"], 50),
        "ratio": ratio._asdict(),
    }


def by_output(table: Table, one: Looked, rest: Looked, base: Looked) -> dict[str, float]:
    """Points of quality that each output of `one`, alone beside the others of `rest`, is better than `base`."""
    names = enumerate(table.shop.model.outputs)
    return {name: table.mixed(one, rest, number).first - base.first for number, name in names}


def ranked(rows: Iterable[Mapping[str, Any]], gain: str) -> list[str]:
    """Blocks that regain something, the most of `gain` per ms first; those that cost no time before all others."""
    worth = [one for one in rows if one[gain] > 0]
    free = sorted((one for one in worth if one["ms_lost"] <= 0), key=lambda one: -one[gain])
    dear = sorted((one for one in worth if one["ms_lost"] > 0), key=lambda one: -one[gain] / one["ms_lost"])
    return [one["block"] for one in (*free, *dear)]


def measured(
    table: Table,
    times: Mapping[str, timing.Series],
    graphs: Mapping[tuple[str, ...], Path],
    ends: tuple[Path, Path],
) -> list[dict[str, Any]]:
    """Each set of blocks in float as a whole; its ms are those of the first rounds' int8 graph times its ratio."""
    named = {"+".join(names): path for names, path in graphs.items()}
    if not named:
        return []
    again = clock(table.shop, table.runtime, {"float": ends[0], "int8": ends[1], **named})
    found = []
    for names, path in graphs.items():
        ratio = timing.ratio(again["+".join(names)], again["int8"])
        ms = ratio.median * timing.percentile(times["int8"], 50)
        found.append({"keep_float": list(names), **told(table.look(path), None), "ms": ms, "ratio": ratio._asdict()})
    return found


def told(looked: Looked, series: timing.Series | None) -> dict[str, Any]:
    """A graph's figures."""
    errors = {name: getattr(looked, name) for name in ("box_error", "score_error")}
    return {**looked.points, **errors, **({"ms": timing.percentile(series, 50)} if series else {})}
