"""The losses of a classifier, against numbers worked out by hand and torch's own."""

from __future__ import annotations

from math import log
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mfast_edge import model as models
from mfast_edge.errors import UserError
from mfast_edge.models.classifier.build import Build
from mfast_edge.models.classifier.classifier import MODEL
from mfast_edge.settings import check

CLASSES = ("bar", "cross", "disc")
LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, -1.0], [0.5, 0.5, 0.5]])
KINDS = [0, 2, 1]
LABELS = [(0,)] * 6 + [(1,)] * 3 + [(2,)]  # six, three and one photo


def build(**settings: Any) -> Build:
    found = check(Build, {"classes": CLASSES, "network": "tiny_net", **settings}, "model")
    made = models.settled(found, [], LABELS)
    assert isinstance(made, Build)
    return made


def truths(kinds: list[int]) -> list[Any]:
    return [SimpleNamespace(labels=torch.tensor([kind])) for kind in kinds]


def loss(logits: Tensor = LOGITS, **settings: Any) -> float:
    return float(MODEL.loss(build(**settings))((logits,), truths(KINDS))["class"])


def test_the_loss_is_cross_entropy_and_smoothed_is_torchs() -> None:
    assert loss() == pytest.approx((0.407606 + 4.065884 + log(3)) / 3, abs=1e-5)
    wanted = F.cross_entropy(LOGITS, torch.tensor(KINDS), label_smoothing=0.1)
    assert loss(smoothing=0.1) == pytest.approx(float(wanted), abs=1e-6)


def test_focal_counts_what_is_known_less() -> None:
    """(1 - p)² of 0.665241, 0.017148 and 1/3, times the cross entropies above."""
    by_hand = (0.112064 * 0.407606 + 0.965998 * 4.065884 + 4 / 9 * log(3)) / 3
    assert loss(loss="focal") == pytest.approx(by_hand, abs=1e-5)
    assert loss(loss="focal", gamma=1e-6) == pytest.approx(loss(), abs=1e-4)
    assert loss(loss="focal", gamma=1e-6, smoothing=0.1) == pytest.approx(loss(smoothing=0.1), abs=1e-4)


def test_adjusted_logits_say_nothing_where_the_data_are_as_frequent_as_they_say() -> None:
    """Logits of 0 are then the shares .6, .3 and .1 themselves (Menon 2021, equation 10)."""
    zeros = torch.zeros(3, 3)
    assert loss(zeros, loss="logit_adjusted") == pytest.approx(-(log(0.6) + log(0.1) + log(0.3)) / 3, abs=1e-6)
    squares = [one / (0.36 + 0.09 + 0.01) for one in (0.36, 0.01, 0.09)]
    assert loss(zeros, loss="logit_adjusted", tau=2.0) == pytest.approx(-sum(map(log, squares)) / 3, abs=1e-6)


def test_a_rare_class_counts_more_when_balanced() -> None:
    """By 1 / (1 + β + … + β^(n-1)), that is (1 - β) / (1 - β^n): at β = 1/2 1/1.96875, 1/1.75 and 1."""
    weights = [1 / 1.96875, 1.0, 1 / 1.75]
    parts = [0.407606, 4.065884, log(3)]
    by_hand = sum(w * part for w, part in zip(weights, parts, strict=True)) / sum(weights)
    assert loss(loss="balanced", beta=0.5) == pytest.approx(by_hand, abs=1e-5)


def test_the_classes_of_the_training_photos_are_counted_only_where_the_loss_does() -> None:
    assert build(loss="balanced").counts == (6, 3, 1)
    assert build(loss="logit_adjusted").counts == (6, 3, 1)
    assert build(loss="focal").counts == ()
    with pytest.raises(UserError, match=r"model\.loss: balanced, and no photo to train on shows cross"):
        models.settled(check(Build, {"classes": CLASSES, "loss": "balanced"}, "model"), [], [(0,), (2,)])


def test_a_loss_that_is_not_named_leaves_no_trace_in_keys() -> None:
    assert set(build().model_dump(mode="json")) == {"classes", "size", "network", "width", "depth"}
    again = build(loss="balanced", beta=0.9)
    assert Build(**again.model_dump(mode="json")) == again


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"loss": "f1"}, "cross_entropy"),
        ({"gamma": 1.0}, "gamma with loss cross_entropy; loss: focal"),
        ({"loss": "focal", "tau": 0.5}, "tau with loss focal; loss: logit_adjusted"),
        ({"loss": "logit_adjusted", "beta": 0.5}, "loss: balanced"),
        ({"counts": (1, 2, 3)}, "none would be right"),
    ],
)
def test_what_the_loss_would_not_look_at_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        build(**given)


def test_photos_without_a_class_teach_nothing() -> None:
    term = MODEL.loss(build())
    nobody = SimpleNamespace(labels=torch.tensor([], dtype=torch.int64))
    some = term((LOGITS,), [truths(KINDS)[0], nobody, nobody])["class"]
    assert float(some) == pytest.approx(0.407606, abs=1e-5)
    assert float(term((LOGITS,), [nobody] * 3)["class"]) == 0


def test_a_focal_loss_below_1_has_a_gradient_where_the_network_is_sure() -> None:
    logits = torch.tensor([[40.0, 0.0, 0.0]], requires_grad=True)
    MODEL.loss(build(loss="focal", gamma=0.5))((logits,), truths([0]))["class"].backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
