"""The quality of candidates and weights on any data; classes match by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.errors import UserError
from mfast_edge.models.detections import Detections
from mfast_edge.models.ssd.labels import labels
from mfast_edge.subject import Meeting, matched, named, settings, translated
from tests.data import draw
from tests.doors.doors import door, folder, refused, without_torch


def told(done: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(str(done))
    return found


def test_the_final_file_has_the_quality_that_its_run_stored(finished: Path) -> None:
    final = json.loads((folder(finished) / "final.json").read_text())
    assert told(without_torch("evaluate", folder(finished), "--json"))["quality"] == final["metrics"]["test"]


def test_weights_of_ones_own_take_the_names_of_the_data(finished: Path) -> None:
    """The same network, once from the store and once from its bare weights."""
    key = json.loads((folder(finished) / "final.json").read_text())["rows"][0]["key"]
    weights = finished / "store" / key / "weights.safetensors"
    data = ("--data", "particles:60x96", "--split", "val", "--out", finished, "--json")
    bare = told(door("evaluate", "--model", "tiny", "--init", weights, *data).stdout)
    stored = told(door("evaluate", finished / "store" / key, *data).stdout)
    assert bare["quality"] == stored["quality"]


def test_a_moved_run_is_still_found(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "moved")
    assert told(door("evaluate", folder(tmp_path / "moved"), "--json").stdout)["split"] == "test"


def test_classes_match_by_name_whatever_the_case() -> None:
    assert matched(("Dining_Table", "N/A", "cup"), ("cup", "dining table")) == {0: 1, 2: 0}
    with pytest.raises(UserError, match="no class in common"):
        matched(("a",), ("b",))


def test_what_both_know_and_what_only_one_of_them_is_named() -> None:
    mine, theirs = ("Person", "N/A", "kite"), ("dog", "person", "cat")
    meeting = Meeting.of(mine, theirs, matched(mine, theirs))
    assert (meeting.common, meeting.unknown, meeting.absent) == (["person"], ["dog", "cat"], ["kite"])


def test_another_set_has_figures_over_all_its_classes_and_over_the_common_ones(finished: Path, tmp_path: Path) -> None:
    """Particles under other names: two of the classes merged by a map, one that the network does not know."""
    spec = "particles:60x96"
    own = told(door("evaluate", folder(finished), "--split", "val", "--json").stdout)
    names = list(own["quality"]["per_class"])  # type: ignore[index,call-overload]
    renamed = ",".join([names[0], *(f"other {place}={name}" for place, name in enumerate(names[1:]))])
    words = ("--split", "val", "--data", spec, "--out", finished, "--classes", renamed)
    found = told(door("evaluate", folder(finished), *words, "--json").stdout)
    assert found["unknown"] == [f"other {place}" for place in range(len(names) - 1)]
    assert found["absent"] == names[1:]
    first = own["quality"]["per_class"][names[0]]  # type: ignore[index,call-overload]
    assert found["common"]["per_class"] == {names[0]: pytest.approx(first)}  # type: ignore[index,call-overload]
    assert found["common"]["map50"] == pytest.approx(first)  # type: ignore[index,call-overload]
    assert found["quality"]["map50"] == pytest.approx(first / len(names))  # type: ignore[index,call-overload]
    more = told(door("evaluate", folder(finished), *words, "--metrics", "voc", "--json").stdout)
    (alone,) = more["common"]["metrics"]["voc"]["per_class"]  # type: ignore[index,call-overload]
    assert (alone, len(more["metrics"]["voc"]["per_class"])) == (names[0], len(names))  # type: ignore[index,call-overload]
    text = door("evaluate", folder(finished), *words).stdout
    assert f"over the common classes ({names[0]}): mAP@.5 {first:.4f}" in text
    assert "whose detections do not count: " + ", ".join(names[1:]) in text


def test_a_set_with_one_split_says_which_where_another_is_asked_for(finished: Path, tmp_path: Path) -> None:
    name = next(iter(told(door("evaluate", folder(finished), "--json").stdout)["quality"]["per_class"]))  # type: ignore[index,call-overload]
    for number in range(3):
        draw.photo(tmp_path / "d" / "JPEGImages" / f"p{number}.jpg", (96, 96), seed=number)
        draw.xml(tmp_path / "d" / "Annotations" / f"p{number}.xml", (96, 96), [(name, (5, 5, 60, 60), 0)])
    (tmp_path / "d" / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "d" / "ImageSets" / "Main" / "val.txt").write_text("p0\np1\n")
    (tmp_path / "d" / "ImageSets" / "Main" / "test.txt").write_text("p2\n")
    data = ("--data", f"voc:{tmp_path / 'd'}", "--out", tmp_path)
    assert told(door("evaluate", folder(finished), *data, "--json").stdout)["quality"]["images"] == 1  # type: ignore[index,call-overload]
    assert "train has no photos" in refused("evaluate", folder(finished), *data, "--split", "train")


def test_detections_of_classes_that_the_data_lack_are_left_out() -> None:
    boxes = np.arange(12, dtype=np.float32).reshape(3, 4)
    found = translated(Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.array([5, 2, 5])), {5: 0})
    assert found.classes.tolist() == [0, 0]
    np.testing.assert_array_equal(found.boxes, boxes[[0, 2]])


def test_the_heads_of_a_file_say_how_many_classes_it_finds() -> None:
    published = labels({"head0.class.bias": [3 * 91], "head0.box.bias": [12]})
    assert (len(published), published[0], published[89]) == (90, "person", "toothbrush")
    assert labels({"heads.0.classify.bias": [12], "heads.0.box.bias": [12]}) == ("?",) * 4
    assert labels({"backbone.conv0.weight": [24, 3, 3, 3]}) == ()


def test_unnamed_classes_must_be_as_many_as_those_of_the_data() -> None:
    assert named(Path("f"), ("?", "?"), ("a", "b")) == ("a", "b")
    with pytest.raises(UserError, match="finds 2 classes"):
        named(Path("f"), ("?", "?"), ("a",))
    with pytest.raises(UserError, match="no class heads"):
        named(Path("f"), (), ("a",))


def test_only_build_settings_can_be_set() -> None:
    assert settings(("model.size=256",)) == {"size": 256}
    with pytest.raises(UserError, match="a build setting such as"):
        settings(("train.lr=1",))


def test_what_cannot_be_evaluated_is_refused(finished: Path, tmp_path: Path) -> None:
    assert "one of them" in refused("evaluate")
    assert "'dev' given" in refused("evaluate", folder(finished), "--split", "dev")
    assert "no data given" in refused("evaluate", "--init", tmp_path / "w.safetensors")
    data = ("--data", "particles:60x96", "--out", finished)
    assert "is not there" in refused("evaluate", "--init", tmp_path / "w.safetensors", *data)


@pytest.mark.slow
def test_the_published_detector_reaches_its_published_quality(photos: Path, weights: Path, tmp_path: Path) -> None:
    """0.40 of mAP@.5 on the 128 photos is what these weights give elsewhere (the weights' README)."""
    words = ("--init", weights / "ssd_mobilenet_v1_075_coco.safetensors", "--data", f"yolo:{photos / 'coco128'}")
    found = told(door("evaluate", *words, "--out", tmp_path, "--json").stdout)
    assert isinstance(found["quality"], dict)
    assert found["quality"]["map50"] == pytest.approx(0.40, abs=0.02)
    assert found["quality"]["images"] == 128
    assert found["unknown"] == []


def test_an_int8_file_is_shown_as_a_cpu_without_vnni_computes_it(finished: Path) -> None:
    final = json.loads((folder(finished) / "final.json").read_text())
    keys = {row["stage"]: row["key"] for row in final["rows"]}
    data = ("--data", "particles:60x96", "--split", "val", "--out", finished, "--saturate", "--json")
    made = door("evaluate", finished / "store" / keys["quantize"], *data)
    here, there = [told(line) for line in made.stdout.splitlines()]
    assert (here["runtime"], there["runtime"]) == ("onnxruntime", "a CPU without VNNI")
    assert here["quality"]["images"] == there["quality"]["images"]  # type: ignore[index]
    assert "a float graph does not saturate" in refused("evaluate", finished / "store" / keys["export_onnx"], *data)
    assert "no int8 file" in refused("evaluate", finished / "store" / keys["train"], *data)


def test_every_metric_can_be_asked_for_without_torch(finished: Path) -> None:
    run = folder(finished)
    made = told(without_torch("evaluate", run, "--metrics", "all", "--json"))
    metrics, quality = made["metrics"], made["quality"]
    assert isinstance(metrics, dict)
    assert isinstance(quality, dict)
    assert list(metrics) == ["coco", "voc", "area", "area-weighted", "f1", "errors", "intervals"]
    coco, area = metrics["coco"], metrics["area"]["101 points"]
    assert (coco["AP"], coco["AP50"], coco["AP75"]) == pytest.approx(
        (quality["map"], quality["map50"], quality["map75"])
    )
    assert area["map"] == pytest.approx(quality["map"])
    assert metrics["intervals"]["f1"]["value"] == pytest.approx(quality["f1"])
    assert metrics["errors"]["confidence"] == quality["confidence"]
    assert sum(row["truths"] for row in metrics["errors"]["per_class"].values()) == quality["boxes"]
    text = str(without_torch("evaluate", run, "--metrics", "voc,errors"))
    assert "11 points" in text
    assert "localisation" in text
    assert "APs" not in text
    assert "'map75' given" in refused("evaluate", run, "--metrics", "voc,map75")
