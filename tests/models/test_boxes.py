"""Boxes: clip, the best, suppression, against torchvision's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms, box_iou

from mfast_edge.models.boxes import clip, overlaps, suppress, top
from mfast_edge.models.detections import detect, finish
from mfast_edge.models.resize import blob


def scene(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 200, (count, 2))
    boxes = np.concatenate([corner, corner + random.uniform(1, 120, (count, 2))], 1).astype(np.float32)
    return boxes, random.permutation(count).astype(np.float32) / count, random.integers(0, 3, count)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_suppression_keeps_what_torchvision_keeps(seed: int, threshold: float) -> None:
    boxes, scores, groups = scene(seed, 300)
    right = batched_nms(*(torch.from_numpy(a) for a in (boxes, scores, groups)), threshold)
    assert suppress(boxes, scores, groups, threshold).tolist() == right.tolist()


def test_overlaps_are_torchvision_s() -> None:
    one, many = scene(1, 40)[0], scene(2, 50)[0]
    right = box_iou(torch.from_numpy(one), torch.from_numpy(many)).numpy()
    np.testing.assert_allclose(overlaps(one, many), right, atol=1e-6)


def test_nothing_in_gives_nothing_out() -> None:
    none = np.zeros((0, 4), np.float32)
    assert len(suppress(none, np.zeros(0), np.zeros(0, int), 0.5)) == 0
    assert len(top(np.zeros(0), 5)) == 0


def test_the_best_come_first_and_equal_scores_keep_their_order() -> None:
    assert top(np.array([0.1, 0.9, 0.9, 0.5]), 3).tolist() == [1, 2, 3]
    assert top(np.array([0.1, 0.9]), 5).tolist() == [1, 0]


def test_of_equal_scores_at_the_end_the_first_stay() -> None:
    """As 8 bits make them: all but a few of 500 scores have equals."""
    scores = np.round(np.random.default_rng(0).random(500) * 7) / 7
    for count in (1, 40, 200, 499):
        right = sorted(range(500), key=lambda row: (-scores[row], row))[:count]
        assert top(scores, count).tolist() == right
        assert top(scores.astype(np.float32), count).tolist() == right


def test_equal_detections_come_class_by_class() -> None:
    facts = {"score_threshold": 0.1, "candidates": 3, "iou_threshold": 0.5, "detections": 3}
    boxes = np.array([[0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1]], np.float32)
    found = finish([], (10, 10), lambda *_: (boxes, np.full((2, 2), 0.5, np.float32)), facts)
    assert (found.classes.tolist(), found.boxes[:, 0].tolist()) == ([0, 0, 1], [0, 5, 0])


def test_boxes_end_at_the_image() -> None:
    assert clip(np.array([[-5.0, 2.0, 900.0, 480.5]]), 480, 640).tolist() == [[0, 2, 640, 480]]


def test_detections_are_in_photo_pixels_and_at_most_as_many_as_asked() -> None:
    facts = {"score_threshold": 0.1, "candidates": 3, "iou_threshold": 0.5, "detections": 2}

    def decode(outputs: object, _: object) -> tuple[np.ndarray, np.ndarray]:
        boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.5, 0.5, 1.5]], np.float32)
        return boxes, np.array([[0.2, 0.0], [0.0, 0.9], [0.3, 0.05]], np.float32)

    found = finish([], (100, 200), decode, facts)
    assert found.boxes.tolist() == [[100, 50, 200, 100], [0, 50, 100, 100]]
    assert found.classes.tolist() == [1, 0]
    np.testing.assert_allclose(found.scores, [0.9, 0.3])


def test_the_graph_s_input_is_float_rgb_0_to_255() -> None:
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[..., 0] = 255
    made = blob(photo, (20, 30))
    assert made.shape == (1, 3, 20, 30)
    assert made.dtype == np.float32
    assert made[0, :, 3, 3].tolist() == [255, 0, 0]


def test_a_network_that_takes_bytes_gets_them() -> None:
    class Bytes:
        pixels = "uint8"

        def __call__(self, image: np.ndarray) -> list[np.ndarray]:
            raise AssertionError(image.dtype.name)

    facts = {"height": 20, "width": 30}
    with pytest.raises(AssertionError, match="uint8"):
        detect(np.zeros((4, 4, 3), np.uint8), Bytes(), lambda outputs, known: (outputs[0], outputs[1]), facts)
    photo = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(blob(photo, (2, 4), "uint8"), photo[None])
    np.testing.assert_array_equal(blob(photo, (2, 4))[0].transpose(1, 2, 0), photo)
