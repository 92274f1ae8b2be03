"""What the report says of each stage's work, from blueprints and lineage alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mfast_edge.candidate import Candidate, Step, following, start
from mfast_edge.changes import changes, widths

SQUARE, WIDE, TALL = [0.1, 0.1], [0.2, 0.4], [0.31, 0.22]
SHOP: Any = SimpleNamespace()
Decode = dict[str, object]


def child(parent: Candidate, place: Path, step: Step, layers: dict[str, object], decode: Decode, form: str) -> Any:
    """The row of a stage, with its blueprint on disk."""
    made = Candidate(following(parent.key, step), "m", form, place / step.stage, (*parent.lineage, step))  # type: ignore[arg-type]
    made.folder.mkdir()
    (made.folder / "blueprint.json").write_text(json.dumps({"layers": layers, "decode": decode}))
    return SimpleNamespace(stage=step.stage, candidate=made)


def conv(wide: int, groups: int = 1) -> dict[str, object]:
    return {"type": "Conv2d", "out_channels": wide, "groups": groups}


def rows(place: Path) -> list[Any]:
    """train, refit beside a teacher, a graph, and an int8 graph with blocks in float."""
    old = {"height": 300, "maps": [19, 10], "shapes": [[SQUARE], [SQUARE, WIDE]]}
    new = {"height": 224, "maps": [14], "shapes": [[SQUARE, TALL]]}
    wide, thin = {"a": conv(64), "b": conv(64, 64), "c": conv(32)}, {"a": conv(48), "b": conv(48, 48), "c": conv(32)}
    train = child(start("m", {}), place, Step("train", "1", {}, 0, {}), wide, old, "torch")
    learnt = Step("refit", "1", {"teacher": "float", "features": 0.5}, 0, {"teacher": train.candidate.key})
    refit = child(train.candidate, place, learnt, thin, new, "torch")
    export = child(refit.candidate, place, Step("export_onnx", "1", {}, 0, {}), thin, new, "onnx")
    kept = Step("quantize", "1", {"keep_float": ["heads.0", "heads.1"]}, 0, {})
    return [train, refit, export, child(export.candidate, place, kept, thin, new, "onnx")]


def test_sizes_anchors_teachers_and_float_blocks_are_told(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("mfast_edge.changes.counted", lambda *_: iter(()))
    every = rows(tmp_path)
    told = [(one["stage"], one["what"], one["before"], one["after"]) for one in changes(SHOP, every)]
    assert told == [
        ("refit", "input, px", "300", "224"),
        ("refit", "anchors per place", "1, 2 on maps of 19, 10 px", "2 on maps of 14 px"),
        ("refit", "anchors fitted, height x width", "", "0.31 x 0.22"),
        ("refit", "learnt from", "", f"float ({every[0].candidate.key}), logits 1, features 0.5"),
        ("quantize", "blocks kept in float", "", "heads.0, heads.1"),
    ]


def test_a_layer_s_width_is_told_once_and_depthwise_ones_follow(tmp_path: Path) -> None:
    assert widths(rows(tmp_path)) == [{"stage": "refit", "layer": "a", "before": 64, "after": 48}]


def test_a_stage_is_compared_with_what_it_was_given_not_with_the_row_before_it(tmp_path: Path) -> None:
    train, refit, *_ = rows(tmp_path)
    other = child(train.candidate, tmp_path, Step("prune", "1", {}, 0, {}), {"a": conv(16)}, {"height": 300}, "torch")
    assert widths([train, refit, other])[-1] == {"stage": "prune", "layer": "a", "before": 64, "after": 16}
