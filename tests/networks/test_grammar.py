"""The grammar: what a file means, and each way that it can be wrong in one sentence with its entry."""

from __future__ import annotations

from typing import Any

import pytest

from mfast_edge.errors import UserError
from mfast_edge.networks.grammar import Asked, Entry, outputs, padded, parse
from mfast_edge.networks.shape import Shape, divisible

SIX = Asked(6, 64)
END: list[Any] = [[1, "GlobalAvgPool", []], [1, "Flatten", []], [1, "Linear", ["classes"]]]


def rows(*given: Any, asked: Asked = SIX, **more: Any) -> tuple[Entry, ...]:
    return parse({"backbone": list(given), **more}, asked)


def strides(entry: Entry) -> list[int]:
    return [link.module.model_dump()["stride"] for link in entry.links]


def test_a_repeated_convolution_has_its_stride_last_and_a_block_first() -> None:
    conv, block, end = rows([3, "Conv", [16, 3, 2]], [3, "InvertedResidualv2", [16, 2, 2]], [1, "Identity", []])
    assert strides(conv) == [1, 1, 2]
    assert strides(block) == [2, 1, 1]
    assert end.shape == Shape(16, 16)


@pytest.mark.parametrize(("depth", "repeat", "count"), [(0.25, 3, 1), (0.5, 5, 2), (2.0, 3, 6), (2.0, 1, 1)])
def test_repeats_are_rounded_at_a_depth_multiple_and_one_stays_one(depth: float, repeat: int, count: int) -> None:
    (entry,) = rows([repeat, "Conv", [16, 3]], depth_multiple=depth)
    assert len(entry.links) == count


def test_channels_are_multiples_of_8_and_never_below_nine_tenths() -> None:
    assert [divisible(wide) for wide in (1, 12, 20, 32 * 0.35, 44, 100)] == [8, 16, 24, 16, 48, 104]
    assert all(divisible(wide) >= 0.9 * wide for wide in range(1, 500))


def test_a_width_multiple_narrows_all_but_fixed_channels() -> None:
    fixed = [1, "FixedConv", [5, 1]]
    narrow = rows([1, "Conv", [64, 3]], fixed, width_multiple=0.5, asked=Asked(6, 64, width=0.5))
    assert [entry.shape.channels for entry in narrow] == [16, 5]


def test_the_word_classes_is_their_count() -> None:
    assert rows([1, "Conv", [8, 3]], *END)[-1].shape == Shape(6, 0)


def test_from_indices_count_back_or_from_the_first_and_minus_one_of_the_first_is_the_image() -> None:
    found = rows(
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [16, 3]],
        [[0, -1], 1, "Add", []],
        [-4, 1, "Conv", [8, 3, 2]],
        [[2, -1], 1, "Concat", []],
        [-1, 1, "UpSample", [], {"factor": 2}],
    )
    assert [entry.sources for entry in found] == [(-1,), (0,), (0, 1), (-1,), (2, 3), (4,)]
    assert found[-1].shape == Shape(24, 64)


def test_a_head_goes_on_where_the_backbone_ends() -> None:
    found = rows([1, "Conv", [16, 3]], head=[[[0], 1, "Conv", [8, 1]]])
    assert [entry.number for entry in found] == [0, 1]


def test_outputs_name_entries_from_either_end() -> None:
    assert outputs({"outputs": [1, -1]}, 4) == (1, 3)
    assert outputs({}, 4) == (3,)


def test_an_argument_may_be_given_by_its_name() -> None:
    by_place, by_name = rows([1, "Conv", [8, 3, 2]], [1, "Conv", [8], {"kernel": 3, "stride": 2}])
    assert by_place.links[0].module == by_name.links[0].module


def test_a_depthwise_convolution_has_a_dense_one_behind_it_where_channels_change() -> None:
    """The predecessor's was grouped by the greatest common divisor."""
    found = rows([1, "Conv", [16, 3]], [1, "DWConv", [24, 3, 2]])
    assert found[-1].shape == Shape(24, 32)


def test_an_mbconv_has_its_channels_and_not_its_expansion() -> None:
    assert rows([1, "MBConv", [6, 24, 2, 5]])[0].shape == Shape(24, 32)


WRONG: dict[str, tuple[list[Any], str]] = {
    "module": ([[1, "Convolution", [8, 3]]], "entry 0: no module 'Convolution'; known: Add, AvgPool"),
    "argument": ([[1, "Conv", [8, 0]]], "entry 0 Conv.kernel: 0 given; input should be greater than or equal to 1"),
    "wide": ([[1, "Conv", [10**9, 3]]], "entry 0 Conv.out: 1000000000 given; input should be less than or equal to"),
    "missing": ([[1, "Conv", [8]]], "entry 0 Conv.kernel"),
    "many": ([[1, "Dropout", [0.1, 2]]], "entry 0 Dropout: 2 arguments given; at most 1: p"),
    "twice": ([[1, "Dropout", [0.1], {"p": 0.2}]], "entry 0 Dropout: p given twice"),
    "name": ([[1, "Conv", [8, 3], {"strides": 2}]], "entry 0 Conv: no setting 'strides'; known: activation"),
    "activation": ([[1, "Conv", [8, 3, 1, None, 1, "Maxout"]]], "entry 0 Conv.activation: 'Maxout' given"),
    "add": (
        [[1, "Conv", [8, 3]], [1, "Conv", [16, 3]], [[0, 1], 1, "Add", []]],
        "entry 2 Add: 8 x 64 x 64 and 16 x 64 x 64 come; several of one shape would be right",
    ),
    "concat": (
        [[1, "Conv", [8, 3]], [1, "Conv", [8, 3, 2]], [[0, 1], 1, "Concat", []]],
        "entry 2 Concat: 8 x 64 x 64 and 8 x 32 x 32 come; several of one side would be right",
    ),
    "from": ([[1, "Conv", [8, 3]], [3, 1, "Conv", [8, 3]]], "entry 1 Conv: from 3 given; 0 to 0, or -1 to -2"),
    "itself": ([[0, 1, "Conv", [8, 3]]], "entry 0 Conv: from 0 given; -1, the image, would be right"),
    "back": ([[-2, 1, "Conv", [8, 3]]], "entry 0 Conv: from -2 given"),
    "sources": ([[1, "Conv", [8, 3]], [[-1, 0], 1, "Conv", [8, 3]]], "entry 1 Conv: reads 2 entries; one would be"),
    "repeat": ([[0, "Conv", [8, 3]]], "entry 0: repeat 0 given; a whole number from 1 would be right"),
    "endless": ([[10**9, "Conv", [8, 3]]], "entry 0 Conv: 1000000000 repeats asked for; at most 100"),
    "once": ([[1, "Conv", [8, 3]], [2, "GlobalAvgPool", []]], "entry 1 GlobalAvgPool: repeat 2 given; 1 would be"),
    "row": (["Conv"], "entry 0: 'Conv' given; [repeat, module, [arguments]]"),
    "vector": ([[1, "Flatten", []], [1, "Conv", [8, 3]]], "entry 1 Conv: a map is read, and a vector of 12288 comes"),
    "linear": ([[1, "Linear", [8]]], "entry 0 Linear: a vector is read, and a map of 3 x 64 x 64 comes; Flatten"),
    "window": (
        [[1, "MaxPool", [31]], [1, "MaxPool", [3]]],
        "entry 1 MaxPool: a window of 3 does not fit on a map of 2",
    ),
    "groups": ([[1, "Conv", [16, 3]], [1, "Conv", [16, 3, 1, None, 4]]], "entry 1 Conv: groups 4 given for 16 to 16"),
    "even": ([[1, "SPPF", [16, 4]]], "entry 0 SPPF: kernel 4 given; an odd one would be right"),
    "attention": ([[1, "Conv", [8, 3]], [1, "ECA", [4]]], "entry 1 ECA: kernel 4 given; an odd one would be right"),
    "attended": ([[1, "Flatten", []], [1, "ECA", []]], "entry 1 ECA: a map is read, and a vector of 12288 comes"),
    "unread": (
        [[1, "Conv", [8, 3]], [1, "Conv", [8, 3]], [0, 1, "Conv", [8, 3]]],
        "entry 1 Conv: nothing reads it; 1 in a from or in outputs would be right",
    ),
    "unread inside": (
        [[1, "YamlModule", [{"backbone": [[1, "Conv", [8, 3]], [-2, 1, "Conv", [8, 3]]]}]]],
        "entry 0 YamlModule, entry 0 Conv: nothing reads it",
    ),
    "shuffle": ([[1, "Conv", [8, 3]], [1, "ShuffleNetV2", [1, 16]]], "entry 1 ShuffleNetV2: 16 channels of 8 given"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_sentence_with_the_entry(name: str) -> None:
    given, sentence = WRONG[name]
    with pytest.raises(UserError) as caught:
        parse({"backbone": given}, SIX, "my.yaml")
    assert str(caught.value).startswith(f"my.yaml, {sentence}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"backbones": []}, "my.yaml: no key 'backbones'; known: backbone"),
        ({1: 2, "b": 3}, "my.yaml: no key 1; known: backbone"),
        ({}, "my.yaml: backbone is no list of entries"),
        ({"backbone": [[1, "Conv", [8, 3]]], "head": 3}, "my.yaml: head is no list of entries"),
        ({"backbone": [[1, "Conv", [8, 3]]], "width_multiple": 0}, "my.yaml: width_multiple 0 given"),
        ({"backbone": [[1, "Conv", [8, 3]]], "input_channel": 1}, "my.yaml: input_channel 1 given; images have 3"),
        ({"backbone": [[1, "Conv", [8, 3]]], "padding": "valid"}, "my.yaml: padding 'valid' given"),
        ({"backbone": [[1, "Conv", [8, 3]]], "outputs": [4]}, "my.yaml: outputs [4] given; rising numbers of entries"),
    ],
)
def test_what_is_wrong_about_a_whole_file_is_one_sentence(tree: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(tree, SIX, "my.yaml")
    assert str(caught.value).startswith(sentence)


def test_another_padding_than_the_file_s_reaches_the_files_inside() -> None:
    inner = {"backbone": [[1, "Conv", [8, 3]]], "padding": "centred"}
    tree = {"backbone": [[1, "YamlModule", [inner]], [1, "YamlModule", [], {"tree": inner}]]}
    for entry in parse(padded(tree, "same"), SIX):
        assert all(link.same for link in entry.links[0].entries[0].links)
    assert inner["padding"] == "centred"
