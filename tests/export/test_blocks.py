"""Blocks as a user names them."""

from pathlib import Path

import pytest

from export.blocks import block, blocks, nodes
from export.errors import ExportError


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("backbone.block7.pointwise.conv/Conv", "backbone.block7"),
        ("backbone.conv0/Clip", "backbone.conv0"),
        ("heads.1.box/Conv", "heads.1"),
        ("backbone.features.12/Relu", "backbone.features.12"),
        ("neck.reduce/Conv", "neck.reduce"),
        ("Concat_1", ""),
    ],
)
def test_a_block_is_the_path_up_to_its_first_number(node: str, name: str) -> None:
    assert block(node) == name


def test_blocks_hold_all_their_nodes_and_only_those_with_weights_count(graph: Path) -> None:
    found = blocks(graph)
    assert list(found) == ["body.0", "body.1", "body.2", "boxes", "scores"]
    assert found["body.1"] == ("body.1.0/Conv", "body.1.2/Clip")
    assert nodes(graph, ["scores", "body.1"]) == (*found["scores"], *found["body.1"])


def test_an_unknown_block_is_answered_with_the_known_ones(graph: Path) -> None:
    with pytest.raises(ExportError, match=r"'body.9'; known: body.0, body.1"):
        nodes(graph, ["body.9"])
