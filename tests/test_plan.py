"""Plans: YAML and --set made definite for a target, every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.errors import UserError
from mfast_edge.model import find as find_model
from mfast_edge.models import MODELS
from mfast_edge.plan import plain, read, usual
from mfast_edge.settings import assignments, names
from mfast_edge.target import find

X86 = find("x86")
SIGNED = {"activations": "int8", "symmetric": True}


@pytest.mark.parametrize("name", names("plans"))
@pytest.mark.parametrize("target", names("targets"))
def test_every_plan_fits_every_target(name: str, target: str) -> None:
    plan = read(name, find(target), {})
    assert next(stage for stage, _ in plan.stages) == ("adopt" if name == "graph" else "train")


def test_the_target_decides_rounding_opset_and_dressing() -> None:
    stages = dict(read("quick", X86, {}).stages)
    assert stages["prune"].model_dump(mode="json")["round_to"] == 16
    quantize = stages["quantize"].model_dump(mode="json")
    assert (quantize["dressing"]["activations"], quantize["pixels"]) == ("uint8", "uint8")


def test_jetson_shares_what_x86_trained_and_pruned() -> None:
    here, there = (dict(read("quick", target, {}).stages) for target in (X86, find("jetson")))
    assert [here[name] for name in ("train", "prune")] == [there[name] for name in ("train", "prune")]


def test_a_target_without_int8_leaves_quantize_out_and_says_so() -> None:
    plan = read("quick", find("jetson"), {})
    assert [name for name, _ in plan.stages] == ["train", "prune", "export_onnx"]
    assert not plan.ends_in_int8
    assert "no int8" in plan.left_out[0]


def test_set_reaches_head_model_and_stages() -> None:
    plan = read("quick", X86, assignments(["prune.keep=0.4", "model.size=256", "seed=3"]))
    assert dict(plan.stages)["prune"].model_dump(mode="json")["keep"] == 0.4
    assert plan.model == {"size": 256}
    assert plan.seed == 3


def test_all_mistakes_of_a_plan_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("budgett: 2\nstages:\n  - train: {imagess: 3}\n  - squeeze: {}\n  - prune: {keep: 3}\n")
    with pytest.raises(UserError) as wrong:
        read(str(file), X86, {"prunee.keep": 1})
    told = str(wrong.value)
    assert all(word in told for word in ("budgett", "imagess", "'squeeze' is not a stage", "prune.keep", "prunee.keep"))


def test_an_order_that_cannot_work_is_refused_before_any_work(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("stages:\n  - train: {}\n  - quantize: {}\n")
    with pytest.raises(UserError, match="quantize cannot take what comes before it"):
        read(str(file), X86, {})


@pytest.mark.parametrize(
    "stages", ["[train: {}, train: {}]", "[{train: {}, prune: {}}]", "[train: 5]", "[5]", "5", "[]", "[[train]]"]
)
def test_a_plan_s_list_of_stages_must_be_one_stage_an_entry(stages: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"stages: {stages}\n")
    with pytest.raises(UserError, match="plan mine"):
        read(str(file), X86, {})


@pytest.mark.parametrize("text", ["keep", "=3", ""])
def test_a_set_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"prune\.keep=0\.4"):
        assignments([text])


@pytest.mark.parametrize("what", ["plan", "target"])
def test_unknown_names_are_answered_with_the_known_ones(what: str) -> None:
    with pytest.raises(UserError, match=r"known: .*(quick|x86)"):
        read("quik", X86, {}) if what == "plan" else find("x87")


def test_a_target_of_ones_own_is_one_yaml_file(tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text("title: My board\narch: [riscv64]\nruntimes: [onnxruntime]\nprecisions: [float32]\n")
    mine = find(str(file))
    assert mine.name == "board"
    assert not mine.here


def test_a_model_s_own_learning_rate_is_taken_unless_another_was_given() -> None:
    """yolov1's third of the usual one, recoveries too; other models' plans, and so their keys, stay."""

    def rates(model: str, **given: Any) -> dict[str, float]:
        build = lambda _: find_model(model, MODELS).build(classes=("cat",))  # noqa: E731
        stages = read("quick", X86, given, build).stages
        return {name: stage.lr for name, stage in stages if hasattr(stage, "lr")}

    assert rates("yolov1") == {"train": 2e-4, "prune": 5e-5}
    assert rates("yolov1", **{"train.lr": 6e-4}) == {"train": 6e-4, "prune": 5e-5}
    assert rates("yolov1", **{"train.optimiser": "adam"})["train"] == 2e-4  # adam's usual one is 6e-4 too
    assert read("quick", X86, {}, lambda _: find_model("ssd_mbv1", MODELS).build(classes=("cat",))) == read(
        "quick", X86, {}
    )


def test_the_usual_plan_is_the_task_s() -> None:
    asked = ("ssd_mbv1", "reference", "classifier", "mine.ONNX")
    assert [usual(model) for model in asked] == ["quick", "classify", "classify", "graph"]


def test_mistakes_of_the_model_are_told_with_the_others() -> None:
    def build(settings: Mapping[str, object]) -> None:
        if settings:
            raise UserError(f"model: {', '.join(settings)}: no such setting")

    with pytest.raises(UserError) as wrong:
        read("quick", X86, {"prune.keep": 3, "model.siz": 3}, build)
    assert "prune.keep" in str(wrong.value)
    assert "siz" in str(wrong.value)


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        ("[train, qat, prune, export_onnx, quantize]", "prune comes after qat, whose layers stay as they are"),
        ("[train, qat, export_onnx]", "qat, and no quantize after it"),
    ],
)
def test_qat_comes_last_before_int8(stages: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"stages: {stages}\n")
    with pytest.raises(UserError, match=sentence):
        read(str(file), X86, {})


@pytest.mark.parametrize("between", ["", " prune,"])
def test_refit_comes_before_decompose(between: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"stages: [train, decompose,{between} refit, export_onnx]\n")
    with pytest.raises(UserError, match="refit comes after decompose, whose chains fit one size"):
        read(str(file), X86, {})


def test_a_plan_without_shaping_is_train_and_its_graphs_each_judged_by_itself() -> None:
    bare = plain(read("full", X86, {}))
    assert [name for name, _ in bare.stages] == ["train", "export_onnx", "quantize"]
    assert not bare.joint
    assert bare.ends_in_int8


def test_a_share_of_matches_names_no_other_network_where_shapes_are_fitted() -> None:
    one, two = (read("full", X86, {"refit.anchors": 6, "refit.share": share}).stages for share in (0.0, 0.01))
    assert one == two


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"quantize.method": "mse"}, "quantize.method is 'mse', and qat settles that"),
        ({"quantize.percentile": 99.0}, "quantize.percentile is 99.0"),
        ({"quantize.images": 8}, "quantize.images is 8, and qat settles that; qat.calibration would be right"),
        ({"quantize.equalise": True}, "quantize.equalise is True"),
        ({"quantize.correct_bias": True}, "quantize.correct_bias is True"),
        ({"quantize.dressing": SIGNED}, "quantize.dressing is not qat.dressing"),
        ({"qat.dressing": SIGNED}, "quantize.dressing is not qat.dressing"),
    ],
)
def test_quantize_wants_nothing_else_than_qat_before_it(given: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("stages: [{train: {}}, {qat: {}}, {export_onnx: {}}, {quantize: {}}]\n")
    with pytest.raises(UserError, match=sentence):
        read(str(file), X86, given)
    same = {"qat.dressing": SIGNED, "quantize.dressing": SIGNED, "quantize.keep_float": ["heads.0"]}
    assert dict(read(str(file), X86, same).stages)["quantize"].model_dump(mode="json")["pixels"] == "float32"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"pixels": "uint8", "dressing": SIGNED}, "quantize.pixels: uint8 given, with int8 activations; float32 would"),
        ({"dressing": {"activations": "uint8", "symmetric": True}}, "symmetric with uint8 activations"),
    ],
)
def test_int8_that_cannot_be_written_is_told_before_any_work(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read("quick", X86, {f"quantize.{name}": value for name, value in given.items()})


def test_what_a_target_leaves_out_may_name_files_that_are_not_here() -> None:
    given = {"quantize.mixed": {"autopsy": "nowhere.json"}}
    assert "quantize" not in dict(read("quick", find("jetson"), given).stages)
    with pytest.raises(UserError, match=r"nowhere\.json"):
        read("quick", X86, given)


def test_qat_rounds_as_the_target_does_and_is_left_out_with_int8(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("stages: [train, qat, export_onnx, quantize]\n")
    plan = read(str(file), X86, {})
    assert dict(plan.stages)["qat"].model_dump(mode="json")["dressing"]["activations"] == "uint8"
    plain = read(str(file), find("jetson"), {})
    assert [name for name, _ in plain.stages] == ["train", "export_onnx"]
    assert "qat and quantize are left out" in plain.left_out[0]
