"""YOLO9000's settings: anchors from the data, the tree's file, sizes that change, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mfast_edge.backbones.origin import INVERTED
from mfast_edge.candidate import start
from mfast_edge.errors import UserError
from mfast_edge.model import settled, sides
from mfast_edge.models.priors import likeness, priors
from mfast_edge.models.ssd import build as ssd
from mfast_edge.models.yolo9000.build import Build
from mfast_edge.models.yolo9000.detector import MODEL
from mfast_edge.models.yolo9000.tree import rows
from mfast_edge.settings import check
from tests.models.yolo9000.scene import TREE, build

KNOWN = np.array([[0.05, 0.04], [0.1, 0.2], [0.3, 0.15], [0.5, 0.6]])


def drawn(count: int = 60) -> list[tuple[np.ndarray, np.ndarray]]:
    """Photos with an object of each of the KNOWN shapes, within 4 %."""
    random, found = np.random.default_rng(0), []
    for _ in range(count):
        corner, size = random.uniform(0, 0.4, (4, 2)), KNOWN[:, ::-1] * random.uniform(0.96, 1.04, (4, 2))
        found.append((np.concatenate([corner, corner + size], 1).astype(np.float32), np.zeros(4, bool)))
    return found


def test_anchors_are_the_shapes_that_the_objects_have() -> None:
    made = settled(build(anchors=4), drawn())
    assert isinstance(made, Build)
    np.testing.assert_allclose(made.anchors, KNOWN, rtol=0.02)  # type: ignore[arg-type]
    assert settled(made, drawn(3)) == made
    assert (
        start("yolo9000", made.model_dump(mode="json")).key
        == start("yolo9000", Build(**made.model_dump()).model_dump(mode="json")).key
    )


def test_k_means_by_overlap_is_at_least_as_good_as_where_it_starts_and_has_come_to_rest() -> None:
    shapes = np.exp(np.random.default_rng(1).normal(-2, 0.6, (500, 2))).astype(np.float32)
    found = priors(shapes, 5)
    nearest = likeness(shapes, found).argmax(1)
    means = np.array([shapes[nearest == number].mean(0) for number in range(5)])
    np.testing.assert_allclose(found, means, atol=1e-3)
    more = priors(shapes, 9)
    assert likeness(shapes, more).max(1).mean() > likeness(shapes, found).max(1).mean() > 0.6


def test_an_ignored_object_shapes_nothing_and_without_objects_anchors_must_be_named() -> None:
    photos = [(boxes, np.ones(len(boxes), bool)) for boxes, _ in drawn(2)]
    with pytest.raises(UserError, match="no box in the training photos"):
        settled(build(anchors=2), photos)
    with pytest.raises(UserError, match="where no data tell their shapes"):
        MODEL.facts(build(anchors=2))


def test_other_models_builds_are_as_they_were() -> None:
    one = ssd.Build(classes=("a",))
    assert settled(one, drawn(1)) is one
    assert sides(one) == ()


def test_a_tree_comes_from_a_file_and_its_content_is_what_counts(tmp_path: Path) -> None:
    text = "animal: {dog: [terrier, beagle], cat: }\nthing: [cup, pen]\n"
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(text)
    two, again = (build(classes=("cup",), tree=str(tmp_path / name)) for name in ("one.yaml", "two.yaml"))
    assert two == again
    assert two.tree == TREE
    assert [name for name, _ in TREE] == ["animal", "thing", "dog", "cat", "cup", "pen", "terrier", "beagle"]
    assert Build(**two.model_dump(mode="json")) == two
    (tmp_path / "two.yaml").write_text(text.replace("pen", "nib"))
    other = build(classes=("cup",), tree=str(tmp_path / "two.yaml"))
    keys = {start("yolo9000", one.model_dump(mode="json")).key for one in (two, other, build(classes=("cup",)))}
    assert len(keys) == 3


def test_a_tree_without_a_class_of_the_data_or_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no 'horse' in it"):
        settled(build(classes=("horse",), tree=TREE), drawn(1))
    (tmp_path / "t.yaml").write_text("a: [b, c]\nd: [b]\n")
    with pytest.raises(UserError, match="stands twice"):
        check(Build, {"classes": ("b",), "tree": str(tmp_path / "t.yaml")}, "model")
    with pytest.raises(ValueError, match="or nothing, would be right"):
        rows({"a": {"b": 3}})
    with pytest.raises(UserError, match="cannot be read"):
        check(Build, {"classes": ("b",), "tree": str(tmp_path / "none.yaml")}, "model")


def test_settings_that_would_do_nothing_are_refused() -> None:
    for given, word in (({"walk": 0.5}, "without a tree"), ({"tree": TREE, "scores": "sigmoid"}, "with a tree")):
        with pytest.raises(ValueError, match=word):
            build(**given)
    with pytest.raises(ValueError, match="multiple of 32"):
        build(size=100)


def test_sizes_vary_by_steps_of_32_around_the_build_s() -> None:
    assert build().sides == ()
    assert build(size=128, vary=2).sides == (64, 96, 128, 160, 192)
    assert build(vary=2).sides == (64, 96, 128, 160)


@pytest.mark.parametrize(
    "backbone", ["darknet19", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet"]
)
@pytest.mark.parametrize("padding", ["same", "centred"])
def test_every_backbone_gives_a_row_for_each_anchor_at_any_size(backbone: str, padding: str) -> None:
    if padding == "centred" and backbone not in INVERTED:
        with pytest.raises(ValueError, match=f"padding centred given for {backbone}; for mobilenet_v2, .* be right"):
            build(backbone=backbone, padding=padding)
        return
    settings = build(backbone=backbone, padding=padding, heads="full" if backbone == "darknet19" else "lite")
    network = MODEL.network(settings).eval()
    for size in (96, 128):
        found = [tuple(out.shape) for out in network(torch.zeros(1, 3, size, size))]
        count = 2 * (size // 32) ** 2
        assert found == [(1, count, 4), (1, count, 1), (1, count, 2)]
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    told = MODEL.infer(shapes)
    assert {told[name] for name in ("backbone", "heads")} == {backbone, settings.heads}
    assert (told["width"], told["anchors"]) == (0.25, 2)
    assert MODEL.labels(shapes) == ("?", "?")


@pytest.mark.parametrize("given", [0, 21, "five", [[0.1]], [], [[0.1, -1]]])
def test_anchors_that_are_none_are_refused_in_one_sentence(given: object) -> None:
    asked = {"classes": ("a",), "anchors": given}
    with pytest.raises(
        UserError, match=r"^model\.anchors: .* given; 1 to 20, or \[\[height, width\], …\] in parts"
    ) as told:
        check(Build, asked, "model")
    assert ";" not in str(told.value).partition("; ")[2]


def test_settings_that_do_not_go_together_are_named_without_all_others() -> None:
    with pytest.raises(
        UserError, match=r"^model: walk: 0\.5 given without a tree; with one, or left out, would be right$"
    ):
        check(Build, {"classes": ("a",), "walk": 0.5}, "model")
