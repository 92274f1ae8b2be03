"""A YOLO9000 with a tree and changing sizes through the stages; what travels with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mfast_edge import blueprint
from mfast_edge.data.index import read
from mfast_edge.data.photo import load
from mfast_edge.data.sample import objects
from mfast_edge.model import settled
from mfast_edge.models.detections import detect
from mfast_edge.models.yolo9000.detector import MODEL
from mfast_edge.models.yolo9000.tree import rows
from mfast_edge.pipeline import make
from mfast_edge.runners import open_file
from mfast_edge.stages.export_onnx import ExportOnnx
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.quantize import Quantize
from mfast_edge.stages.train import Train
from mfast_edge.store import Store
from mfast_edge.target import find
from mfast_edge.workshop import Workshop

TREE = rows({"round": ["disc"], "flat": ["block", "wedge"]})


def shop_of(folder: Path, **given: Any) -> Workshop:
    data = read("particles:60x96", cache=folder / "data", seed=0)
    build = MODEL.build(classes=data.classes, size=96, width=0.25, **given)
    build = settled(build, objects(data.splits["train"]))  # type: ignore[assignment]
    return Workshop(MODEL, build, data, find("x86"), Store(folder), 0, "cpu", None, lambda _: None)


def test_a_tree_and_changing_sizes_go_through_every_stage(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, tree=TREE, vary=1)
    small = {"images": 44, "batch": 2, "precision": "float32"}
    trained, _ = make("train", Train.model_validate(small), shop.root, shop, 0)
    given = {**small, "images": 4, "keep": 0.8, "batches": 1, "looks": 1, "round_to": 4, "teacher": "float"}
    pruned, _ = make("prune", Prune.model_validate(given), trained, shop, 0)
    exported, _ = make("export_onnx", ExportOnnx().fitted(shop.target), pruned, shop, 0)
    int8, _ = make("quantize", Quantize(images=4).fitted(shop.target), exported, shop, 0)
    told = blueprint.read(int8.folder)
    assert told["decode"]["parents"] == [-1, -1, 0, 1, 1]
    assert told["decode"]["nodes"] == [[name for name, _ in TREE].index(one) for one in shop.data.classes]
    facts, photo = shop.facts(int8), load(shop.data.splits["val"][0])
    found = detect(photo, open_file(int8.file, "onnxruntime", 1), MODEL.decode, {**facts, "score_threshold": 1e-4})
    assert set(found.classes) <= set(range(3))
    assert np.isfinite(found.boxes).all()


def test_a_tree_changes_the_key_and_so_does_another_walk(tmp_path: Path) -> None:
    keys = {shop_of(tmp_path, **given).root.key for given in ({}, {"tree": TREE}, {"tree": TREE, "walk": 0.5})}
    assert len(keys) == 3
