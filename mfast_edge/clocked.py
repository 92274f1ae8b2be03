"""What a stage will ask of the clock, measured before it: clocks live outside stages."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import timing
from mfast_edge.candidate import digest
from mfast_edge.gauge import release
from mfast_edge.judge import quickest
from mfast_edge.ratios import Offer, Ratio, Timings
from mfast_edge.runners import open_file
from mfast_edge.stages.decompose import Decompose
from mfast_edge.stages.prune import Prune
from mfast_edge.store import write_json

if TYPE_CHECKING:
    from torch import nn

    from mfast_edge.candidate import Candidate
    from mfast_edge.plan import Stage
    from mfast_edge.stages.factors import Thick
    from mfast_edge.target import Precision
    from mfast_edge.workshop import Workshop

Predict = Callable[["nn.Module", tuple[int, ...]], float]  # a layer or a chain, the shape of its input → ms
CALIBRATION = 4  # random inputs
LARGEST = 1 << 26  # weights of a layer that is looked up in a latency table: four of them are half of a graph's 2 GB
FEWER = 3  # times fewer rounds than for a verdict: a network has dozens of layers, and the judge has the last word


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, the shape of its input, and what could replace it."""

    module: Thick
    shape: tuple[int, ...]
    offers: tuple[Offer, ...]


def ready(stage: Stage, parent: Candidate, shop: Workshop) -> None:
    """Measure what `stage` will want to know of `parent`, where that is not known: most want nothing."""
    if isinstance(stage, Decompose):
        answer(stage, parent, shop, by_table)
    if isinstance(stage, Prune) and stage.by_table:
        fill(stage, parent, shop)


def fill(stage: Prune, parent: Candidate, shop: Workshop) -> None:
    """Have the latency tables cover the parent's layers and any thinner ones."""
    from mfast_edge.latency import layers as told

    made = shop.rebuilt(parent)
    every = told(made.network, shop.example(made.build))
    for runtime in shop.target.measured:
        shop.table(runtime, stage.table, every, thin=True)


def answer(
    settings: Decompose, parent: Candidate, shop: Workshop, table: Callable[[Workshop, bool], Predict] | None = None
) -> None:
    """Write the ratios that `settings` will ask for about `parent`, unless they are known.

    What was timed of a layer is on disk before the next layer begins, and serves equal layers of any network.
    `table`, such as `by_table`, goes first: what it expects to be slower is not timed.
    """
    ratios = settings.ratios(parent, shop)
    if ratios.known:
        return
    predict, before = table(shop, bool(settings.int8)) if table else None, timings(shop, bool(settings.int8))
    found = before.read()
    told = []
    for layer in layers(settings, parent, shop):
        rows = list(asked(layer, shop, settings, found, predict))
        before.add({question(layer, offer): ratio for offer, ratio in rows if not ratio.predicted})
        for offer, ratio in rows:
            told.append({"path": offer.path, "kind": offer.kind, "ranks": offer.ranks, "ratio": asdict(ratio)})
        shop.tell(f"decompose: timed {layer.offers[0].path}")
    write_json(ratios.path, {"parent": parent.key, "int8": bool(settings.int8), "offers": told})


def timings(shop: Workshop, int8: bool) -> Timings:
    """What the clock said before, under the same conditions, of layers of any network."""
    target = shop.target
    releases = [(runtime, release(runtime)) for runtime in target.measured]
    dressing = target.int8.model_dump(mode="json") if int8 and target.int8 else None
    terms = [releases, target.here, target.threads, target.opset, dressing, FEWER, target.timing.model_dump()]
    return Timings.under(shop.store.root, shop.machine, terms)


def by_table(shop: Workshop, int8: bool) -> Predict:
    """What the latency table says of a layer or a chain in its fastest runtime, without the call itself."""
    import torch

    from mfast_edge.latency import layers as told

    precision: Precision = "int8" if int8 else "float32"

    def predict(module: nn.Module, shape: tuple[int, ...]) -> float:
        found = told(module.cpu().eval(), torch.zeros(shape))
        inside = [replace(layer, last=False) for layer in found if layer.kind != "image"]
        return min(shop.table(runtime, precision, inside).predict(inside) for runtime in shop.target.measured)

    return predict


def layers(settings: Decompose, parent: Candidate, shop: Workshop) -> Iterator[Layer]:
    """Every layer with an offer."""
    from mfast_edge.stages.offers import offered, offers, shapes

    made = shop.rebuilt(parent)
    thick = offered(made.network)
    inputs = shapes(made.network, shop.example(made.build), list(thick))
    for path, module in thick.items():
        if mine := offers(path, module, settings):
            yield Layer(module.cpu(), inputs[path], tuple(mine))


def asked(
    layer: Layer, shop: Workshop, settings: Decompose, found: dict[str, Ratio], predict: Predict | None
) -> Iterator[tuple[Offer, Ratio]]:
    """A ratio for each offer; what was timed for an equal layer before is in `found`, where new ones go too."""
    ratios = {offer: question(layer, offer) for offer in layer.offers}
    fresh = []
    for offer in layer.offers:
        if ratios[offer] in found:
            continue
        expected = expect(layer, offer, predict)
        if expected is not None and expected >= 1:
            found[ratios[offer]] = Ratio(expected, expected, expected, predicted=True, proxy=not shop.target.here)
        else:
            fresh.append(offer)
    if fresh:
        timed = race(layer, fresh, shop, bool(settings.int8))
        found |= {ratios[offer]: ratio for offer, ratio in timed.items()}
    yield from ((offer, found[ratios[offer]]) for offer in layer.offers)


def question(layer: Layer, offer: Offer) -> str:
    """What a ratio depends on beside the machine: the layer's sizes, its input's, the offer's kind and ranks."""
    from mfast_edge.blueprint import leaf

    return digest([leaf(layer.module), layer.shape, offer.kind, offer.ranks])


def expect(layer: Layer, offer: Offer, predict: Predict | None) -> float | None:
    """The ratio by prediction; None without one, and for a layer that a table's graph cannot hold four times."""
    if predict is None or layer.module.weight.numel() > LARGEST:
        return None
    from mfast_edge.stages.factors import blank

    chain = blank(layer.module, offer.kind, offer.ranks)
    return predict(chain, layer.shape) / predict(layer.module, layer.shape)


def race(layer: Layer, offers: list[Offer], shop: Workshop, int8: bool) -> dict[Offer, Ratio]:
    """Time of each chain / time of the layer, each alone in its fastest runtime, in the same alternating rounds."""
    from mfast_edge.stages.factors import blank

    modules = {"layer": layer.module} | {offer.name: blank(layer.module, offer.kind, offer.ranks) for offer in offers}
    image = np.random.default_rng(0).uniform(0, 1, layer.shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: graph(module, layer.shape, Path(folder) / f"{number}.onnx", shop, int8)
            for number, (name, module) in enumerate(modules.items())
        }
        calls: dict[str, Callable[[], object]] = {
            f"{name} {runtime}": partial(open_file(file, runtime, shop.target.threads), image)
            for name, file in files.items()
            for runtime in shop.target.measured
        }
        asked = shop.target.timing
        series = timing.measure(calls, max(5, asked.rounds // FEWER), asked.warmup, asked.seconds / 2)
    best = {name: quickest(series, name) for name in modules}
    proxy = not shop.target.here
    return {offer: Ratio(*timing.ratio(best[offer.name], best["layer"]), proxy=proxy) for offer in offers}


def graph(module: nn.Module, shape: tuple[int, ...], path: Path, shop: Workshop, int8: bool) -> Path:
    """A layer or a chain as a file of its own, in the form that the plan ends in."""
    from export.int8 import Dressing, quantize
    from export.to_onnx import to_onnx

    to_onnx(module.eval(), shape, path, names=("out",), metadata={}, opset=shop.target.opset)  # type: ignore[arg-type]
    if not int8:
        return path
    assert shop.target.int8 is not None
    chance = np.random.default_rng(0)
    inputs = [chance.uniform(0, 1, shape).astype(np.float32) for _ in range(CALIBRATION)]
    dressed = path.with_suffix(".int8.onnx")
    quantize(path, dressed, inputs, dressing=Dressing(**shop.target.int8.model_dump()))
    return dressed
