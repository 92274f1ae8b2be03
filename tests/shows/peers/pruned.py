"""torch-pruning as its README does it: group magnitude, one step, fine-tuning; then NNCF."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import torch
import torch_pruning as tp
from torch import nn

from mfast_edge.candidate import Candidate
from mfast_edge.recipe import Recipe
from mfast_edge.workshop import Built
from tests.shows.peers import nncf_rows
from tests.shows.peers.bench import OPSET, Bench, Made

ROUND_TO = 8  # the README's
TAUGHT = ("teacher", "logits", "features")


def row(one: Bench, ratio: float, images: int) -> Made:
    """(d): channels pruned by `ratio`, fine-tuned on `images` as the float network was trained, quantized as in (b)."""
    source = thinned(one, ratio, tuning(one, images))
    return nncf_rows.ptq(one, source, f"pruned-{ratio:g}", "mixed")


def tuning(one: Bench, images: int) -> Recipe:
    """The float network's own recipe, over `images` in total; its README has no teacher."""
    trained = one.run.candidate.lineage[0].settings
    known = {name: value for name, value in trained.items() if name in Recipe.model_fields and name not in TAUGHT}
    return Recipe(**{**known, "images": images})


def thinned(one: Bench, ratio: float, recipe: Recipe) -> Made:
    """The pruned and fine-tuned float network as ONNX; a killed fine-tuning goes on."""

    def make(files: Path, state: Path) -> str:
        made = one.shop.rebuilt(one.run.candidate)
        prune(made.network, one.shop.example(made.build), one.shop.model.heads(made.network), ratio)
        one.shop.train(made, recipe, state, one.run.candidate)
        return written(one, made, files)

    asked = {
        "key": one.run.candidate.key,
        "ratio": ratio,
        "round_to": ROUND_TO,
        "recipe": recipe.model_dump(mode="json"),
        "torch-pruning": version("torch-pruning"),
    }
    return one.made(f"pruned-float-{ratio:g}", (), asked, make)


def prune(network: nn.Module, example: torch.Tensor, heads: list[nn.Module], ratio: float) -> None:
    """The README's four lines; `heads` are what it calls the final classifier."""
    pruner = tp.pruner.BasePruner(
        network,
        example,
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=ratio,
        ignored_layers=heads,
        round_to=ROUND_TO,
    )
    pruner.step()


def written(one: Bench, made: Built, files: Path) -> str:
    """blueprint.json, weights.safetensors and model.onnx of a network."""
    one.shop.write(made, files)
    candidate = Candidate(files.parent.name, one.shop.model.name, "torch", files, ())
    one.shop.export(candidate, files / "model.onnx", OPSET)
    return "model.onnx"
