"""YOLO9000's decoder beside a slow one; the tree's probabilities; the walk."""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
import pytest
import torch

from mfast_edge.models.yolo9000.build import Build
from mfast_edge.models.yolo9000.decode import classes, conditional, decode, multiplied, ready
from mfast_edge.models.yolo9000.detector import MODEL
from mfast_edge.models.yolo9000.targets import decode as unpacked
from tests.models.yolo9000.scene import SHAPES, TREE, build, grown


def outputs(settings: Build, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = ((1, 18, 4), (1, 18, 1), (1, 18, settings.nodes))
    return [random.normal(0, 2, shape).astype(np.float32) for shape in shapes]


def slow(raw: list[np.ndarray], settings: Build) -> dict[tuple[int, ...], tuple[list[float], list[float]]]:
    """{(row, column, shape): box and scores}, one number after the other."""
    found = {}
    rows = settings.tree or tuple((name, -1) for name in settings.classes)
    for place in range(18):
        row, column, shape = place // 6, place // 2 % 3, place % 2
        ty, tx, th, tw = map(float, raw[0][0, place])
        y, x = (row + 1 / (1 + exp(-ty))) / 3, (column + 1 / (1 + exp(-tx))) / 3
        h, w = SHAPES[shape][0] * exp(min(th, 4)), SHAPES[shape][1] * exp(min(tw, 4))
        sure, logits = 1 / (1 + exp(-float(raw[1][0, place, 0]))), list(map(float, raw[2][0, place]))
        whole: list[float] = []
        for number, (_, parent) in enumerate(rows):
            siblings = sum(exp(logits[other]) for other, (_, one) in enumerate(rows) if one == parent)
            whole.append(exp(logits[number]) / siblings * (whole[parent] if parent >= 0 else 1))
        if settings.scores == "sigmoid":
            whole = [1 / (1 + exp(-one)) for one in logits]
        names = [name for name, _ in rows]
        scores = [sure * whole[names.index(name)] for name in settings.classes]
        if max(scores) >= 0.01:
            found[row, column, shape] = [x - w / 2, y - h / 2, x + w / 2, y + h / 2], scores
    return found


@pytest.mark.parametrize("settings", [build(), build(scores="sigmoid"), grown()])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_decode_finds_what_a_slow_decoder_finds(settings: Build, seed: int) -> None:
    raw = outputs(settings, seed)
    expected = slow(raw, settings)
    boxes, scores = decode(raw, ready(MODEL.facts(settings)))
    assert 3 < len(boxes) == len(expected)
    np.testing.assert_allclose(boxes, [box for box, _ in expected.values()], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores, [one for _, one in expected.values()], rtol=1e-4)


def test_only_the_best_candidates_are_unpacked() -> None:
    settings, raw = build(), outputs(build())
    every = decode(raw, ready(MODEL.facts(settings)))
    few = decode(raw, ready({**MODEL.facts(settings), "candidates": 3}))
    best = np.sort(np.argsort(-every[1].max(1))[:3])
    for one, other in zip(every, few, strict=True):
        np.testing.assert_array_equal(one[best], other)


def test_nothing_is_found_where_nothing_is_likely() -> None:
    raw = outputs(build())
    raw[1][:] = -900.0
    boxes, scores = decode(raw, ready(MODEL.facts(build())))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0, 2)


def test_the_training_s_decoder_is_the_board_s() -> None:
    settings, raw = build(), outputs(build())
    facts = ready({**MODEL.facts(settings), "score_threshold": 1e-9})
    boxes, _ = decode(raw, facts)
    torch.testing.assert_close(
        unpacked(torch.from_numpy(raw[0][0]), torch.from_numpy(facts["anchors"]), 3).numpy(),
        boxes,
        atol=1e-6,
        rtol=1e-5,
    )


def known(walk: float | None = None) -> tuple[dict[str, Any], np.ndarray]:
    facts = ready(MODEL.facts(grown(walk=walk)))
    return facts, np.random.default_rng(0).normal(0, 2, (50, len(TREE))).astype(np.float32)


def test_siblings_add_up_to_one_and_children_to_their_parent() -> None:
    facts, logits = known()
    given = conditional(logits, facts["spans"])
    whole = multiplied(given, facts)
    assert facts["spans"] == [(0, 2), (2, 4), (4, 6), (6, 8)]
    for first, end in facts["spans"]:
        np.testing.assert_allclose(given[:, first:end].sum(1), 1, rtol=1e-5)
        parent = facts["parents"][first]
        np.testing.assert_allclose(whole[:, first:end].sum(1), whole[:, parent] if parent >= 0 else 1, rtol=1e-5)


def walk(whole: dict[str, float], least: float) -> str | None:
    """The last class on the likeliest path, name by name."""
    inside = {"": ["animal", "thing"], "animal": ["dog", "cat"], "dog": ["terrier", "beagle"], "thing": ["cup", "pen"]}
    here, last = "", None
    while here in inside:
        here = max(inside[here], key=lambda name: whole[name])
        if whole[here] < least:
            break
        last = here if here in grown().classes else last
    return last


@pytest.mark.parametrize("least", [0.0, 0.3, 0.7])
def test_a_walk_ends_at_the_last_class_that_is_likely_enough(least: float) -> None:
    facts, logits = known(least)
    whole = multiplied(conditional(logits, facts["spans"]), facts)
    ends = set()
    for row, scores in zip(whole, classes(logits, facts), strict=True):
        named = {name: float(value) for (name, _), value in zip(TREE, row, strict=True)}
        end = walk(named, least)
        ends.add(end)
        right = [named[name] if name == end else 0 for name in facts["classes"]]
        np.testing.assert_allclose(scores, right, rtol=1e-5)
    assert len(ends) > 3
