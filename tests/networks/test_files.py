"""Ready files have the parameters that are published for them; files name other files, never code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision import models

from mfast_edge.errors import UserError
from mfast_edge.networks.files import read
from mfast_edge.networks.grammar import Asked, parse
from mfast_edge.networks.graph import Graph
from mfast_edge.settings import names

PUBLISHED = {  # parameters at 1000 classes, as torchvision documents them
    "efficientnet_b0": 5_288_548,
    "mnasnet": 4_383_312,
    "mobilenetv2": 3_504_872,
    "mobilenetv3_large": 5_483_032,
    "mobilenetv3_small": 2_542_856,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "shufflenetv2_x0_5": 1_366_792,
    "squeezenet": 1_235_496,
}
THEIRS = {
    "mnasnet": "mnasnet1_0",
    "mobilenetv2": "mobilenet_v2",
    "mobilenetv3_large": "mobilenet_v3_large",
    "mobilenetv3_small": "mobilenet_v3_small",
    "shufflenetv2_x0_5": "shufflenet_v2_x0_5",
    "squeezenet": "squeezenet1_1",
}


def on_meta(name: str, classes: int = 1000) -> Graph:
    with torch.device("meta"):
        return Graph(parse(read(name), Asked(classes, 224)))


def count(network: torch.nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_ready_file_has_the_published_parameters(name: str) -> None:
    assert count(on_meta(name)) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_of_its_tensors_is_as_large_as_one_of_torchvision_s(name: str) -> None:
    with torch.device("meta"):
        theirs = getattr(models, THEIRS.get(name, name))(weights=None)
    assert sorted(tuple(one.shape) for one in on_meta(name).parameters()) == sorted(
        tuple(one.shape) for one in theirs.parameters()
    )


def test_mobilenet_v1_and_moga_a_are_as_large_as_their_papers_say() -> None:
    """4.2 M (Howard 2017, table 8) and 5.1 M (Chu 2020, table 2), both cut and not rounded."""
    assert count(on_meta("mobilenetv1")) // 100_000 == 42
    assert count(on_meta("moga_a")) // 100_000 == 51


def test_efficientnet_v2_has_the_parameters_of_the_predecessor_s_table_entry_by_entry() -> None:
    told = [696, 11_712, 303_552, 589_184, 917_680, 3_463_840, 14_561_832, 330_240, 0, 0, 12_810]
    assert [count(entry) for entry in on_meta("efficientnet_v2_s", 10).steps] == told


def test_the_reference_has_about_300_000_parameters() -> None:
    assert 0.95 < count(on_meta("reference", 6)) / 300_000 < 1.05


@pytest.mark.parametrize("name", names("networks"))
def test_every_ready_file_ends_in_a_vector_of_classes(name: str) -> None:
    last = parse(read(name), Asked(7, 224))[-1]
    assert (last.shape.channels, last.shape.side) == (7, 0)


def test_a_file_inside_another_becomes_part_of_its_tree(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text("backbone: [[2, Conv, [16, 3]], [[-2, -1], 1, Concat, []]]")
    outer = tmp_path / "outer.yaml"
    outer.write_text("backbone: [[1, Conv, [8, 3, 2]], [2, YamlModule, [inner.yaml]]]")
    tree = read(str(outer))
    assert tree["backbone"][1][2] == [{"backbone": [[2, "Conv", [16, 3]], [[-2, -1], 1, "Concat", []]]}]
    (tmp_path / "inner.yaml").unlink()
    network = Graph(parse({**tree, "outputs": [1]}, Asked(2, 32))).eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 40, 16, 16)  # 8 and 16, then 24 and 16: -2 is what comes


def test_a_file_that_holds_itself_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    for text in ("[[1, YamlModule, [mine.yaml]]]", "&a [[1, YamlModule, [{backbone: *a}]]]"):
        mine.write_text(f"backbone: {text}")
        with pytest.raises(UserError, match="one seems to hold itself"):
            read(str(mine))


def test_a_tree_inside_another_may_name_files_too(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text("backbone: [[1, Conv, [16, 3]]]")
    mine = tmp_path / "mine.yaml"
    mine.write_text("backbone: [[1, YamlModule, [{backbone: [[1, YamlModule, [inner.yaml]]]}]]]")
    assert parse(read(str(mine)), Asked(2, 32))[-1].shape.channels == 16


@pytest.mark.parametrize("text", ["backbone: !!python/object/apply:os.getcwd []", "backbone: [", "- 1"])
def test_what_is_no_safe_yaml_is_refused(text: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(text)
    with pytest.raises(UserError, match=r"model\.network: .*mine\.yaml"):
        read(str(mine))
