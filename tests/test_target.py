"""Devices: those that come with the project, one that a user adds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfast_edge.errors import UserError
from mfast_edge.plan import read
from mfast_edge.target import find


def test_jetson_is_the_nano_under_another_name() -> None:
    short, long = find("jetson"), find("jetson_nano")
    assert short.model_copy(update={"name": long.name}) == long
    assert (short.name, long.precisions, long.int8) == ("jetson", ("float32", "float16"), None)
    assert (long.memory_gb, long.python, long.ruled) == (4, "3.6", ("tensorrt-8.2",))


@pytest.mark.parametrize("board", ["jetson_orin_nano", "jetson_agx_orin"])
def test_the_two_jetpacks_of_an_orin_differ_in_tensorrt_and_python_only(board: str) -> None:
    six, seven = find(board), find(f"{board}_jp7")
    assert (six.ruled, six.python) == (("tensorrt-10.3",), "3.10")
    assert (seven.ruled, seven.python) == (("tensorrt-10.16",), "3.12")
    varied = {"name", "title", "rules", "python"}
    assert six.model_dump(exclude=varied) == seven.model_dump(exclude=varied)
    assert six.int8 is not None
    assert six.int8.symmetric


def test_a_target_without_rules_is_held_to_those_of_its_runtimes() -> None:
    assert find("x86").ruled == ("onnxruntime", "openvino")
    assert [rules.name for rules in find("arm_cpu").takes()] == ["onnxruntime"]
    assert [rules.known for rules in find("x86_gpu").takes()] == [True, False]


def test_the_rules_are_those_of_the_hardware() -> None:
    (nano,), (orin,) = find("jetson").takes(), find("jetson_orin_nano").takes()
    assert (nano.int8, nano.float16, orin.int8) == (False, True, True)


def test_a_device_of_a_known_runtime_is_one_yaml_file(tmp_path: Path) -> None:
    mine = tmp_path / "xavier.yaml"
    mine.write_text(
        "title: Jetson AGX Xavier\narch: [aarch64]\nboard: Xavier\nruntimes: [tensorrt]\nrules: tensorrt-8.5\n"
        "precisions: [float32, float16, int8]\nint8: {activations: int8, symmetric: true}\nmemory_gb: 16\n"
    )
    target = find(str(mine))
    assert (target.name, target.here, target.measured) == ("xavier", False, ("onnxruntime",))
    assert [rules.name for rules in target.takes()] == ["tensorrt-8.5"]
    stages = dict(read("quick", target, {}).stages)
    assert stages["quantize"].model_dump(mode="json")["dressing"]["symmetric"]
    assert stages["quantize"].model_dump(mode="json")["pixels"] == "float32"


def test_a_device_like_another_one_says_only_what_differs(tmp_path: Path) -> None:
    mine = tmp_path / "small.yaml"
    mine.write_text("same_as: jetson_orin_nano\nmemory_gb: 4\n")
    large = find("jetson_orin_nano")
    assert find(str(mine)) == large.model_copy(update={"name": "small", "memory_gb": 4.0})


WRONG = {
    "same_as: toaster\n": "same_as: 'toaster' is not known",
    "same_as: 3\n": "same_as: 3 given; another target's name would be right",
    "same_as: jetson\nrules: tensorrt-9\n": "rules: 'tensorrt-9' is not known; known: .*tensorrt-8.2",
    "same_as: jetson\nrules: null\n": "rules: none given for tensorrt; one of .*tensorrt-8.2",
    "same_as: jetson\nmemory: 4\n": "no setting 'memory'",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_in_a_target_is_one_sentence(tmp_path: Path, text: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(text)
    with pytest.raises(UserError, match=WRONG[text]):
        find(str(mine))


def test_a_target_like_itself_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"same_as: {mine}\n")
    with pytest.raises(UserError, match=r"same_as: .*mine\.yaml' given"):
        find(str(mine))
