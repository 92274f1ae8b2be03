"""Module slots: knobs that are there only with their module, and trees that can always be built."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mfast_edge.errors import UserError
from mfast_edge.networks.grammar import Asked, Entry, parse
from mfast_edge.networks.slots import STRIDES, expand, from_slots

Knobs = dict[str, dict[str, Any]]


def drawn(knobs: Knobs, chance: random.Random) -> dict[str, Any]:
    """A value for each knob that is there, as a search draws them."""
    found: dict[str, Any] = {}
    waiting = dict(knobs)
    while waiting:
        for name, knob in list(waiting.items()):
            when = knob.get("when", {})
            if any(other in waiting for other in when):
                continue
            del waiting[name]
            if all(found.get(other) in values for other, values in when.items()):
                found[name] = value(knob, chance)
    return found


def value(knob: dict[str, Any], chance: random.Random) -> Any:
    if knob["type"] == "categorical":
        return chance.choice(knob["choices"])
    step = knob.get("step", 1)
    return knob["low"] + step * chance.randint(0, round((knob["high"] - knob["low"]) / step))


def halvings(entries: tuple[Entry, ...]) -> int:
    return sum(link.module.model_dump().get("stride") == 2 for entry in entries for link in entry.links)


def test_every_choice_makes_a_network_that_can_be_built_at_the_smallest_size() -> None:
    chance, knobs = random.Random(0), expand({})
    seen = set()
    for _ in range(300):
        params = drawn(knobs, chance)
        tree = from_slots(params | {"train.lr": 1e-3})
        entries = parse(tree, Asked(6, 32))
        assert (entries[-1].shape.channels, entries[-1].shape.side) == (6, 0)
        assert halvings(entries) <= STRIDES
        seen |= {entry.name for entry in entries}
    assert {"Conv", "DWConv", "InvertedResidualv2", "InvertedResidualv3", "MBConv"} <= seen


def test_a_knob_of_a_module_is_there_only_with_it() -> None:
    knobs = expand({})
    assert knobs["slot1.module"]["choices"] == ["Conv", "DWConv"]
    assert "when" not in knobs["slot1.conv.out"]
    assert knobs["slot2.conv.out"]["when"] == {"slot2.module": ["Conv", "DWConv"]}
    assert knobs["slot7.v3.out"] == {
        "type": "int", "low": 8, "high": 160, "step": 8, "when": {"slot7.module": ["InvertedResidualv3"]},
    }  # fmt: skip
    assert "Pass" not in knobs["slot3.repeat"]["when"]["slot3.module"]
    assert knobs["tail.out"] == {"type": "int", "low": 128, "high": 1024, "step": 128}


def plain(number: int, stride: int, module: str = "Conv") -> dict[str, Any]:
    values = {"module": module, "repeat": 1, "stride": stride, "activation": "ReLU", "conv.out": 16, "conv.kernel": 3}
    return {f"slot{number}.{name}": one for name, one in values.items()}


def chosen(strides: list[int], passed: tuple[int, ...] = ()) -> list[int]:
    """The strides of the convolutions that slots of these strides become."""
    params: dict[str, Any] = {"tail.out": 128}
    for number, stride in enumerate(strides, 1):
        params |= plain(number, stride, "Pass" if number in passed else "Conv")
    return [row[2][2] for row in from_slots(params)["backbone"][:-4]]


def test_slots_2_4_and_6_are_made_to_halve_where_too_few_did() -> None:
    """The predecessor gave slot 6's stride to slot 4."""
    assert chosen([1] * 7) == [1, 2, 1, 2, 1, 2, 1]
    assert chosen([2, 1, 1, 1, 1, 1, 1]) == [2, 1, 1, 2, 1, 2, 1]


def test_what_a_passed_slot_should_halve_the_next_one_does() -> None:
    assert chosen([1] * 7, passed=(2,)) == [1, 2, 2, 1, 2, 1]


def test_no_slot_halves_behind_the_fifth_that_does() -> None:
    assert chosen([2] * 7) == [2, 2, 2, 2, 2, 1, 1]


def test_a_section_may_name_fewer_slots_and_modules() -> None:
    knobs = expand({"modules": ["Conv", "Pass"], "slots": [{"conv": {"out": [8, 16, 8]}}] * 2, "tail": [64, 64, 8]})
    assert knobs["slot2.module"]["choices"] == ["Conv", "Pass"]
    assert not [name for name in knobs if name.startswith("slot3") or ".v3." in name]


CONV = {"conv": {"out": [8, 16, 8]}}


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"modules": ["Convolution"]}, r"slots\.modules\.0: 'Convolution' given"),
        ({"slots": [{"conv": {"out": [16, 8, 8]}}]}, r"slots\.slots\.0\.conv: .*out \[16, 8, 8\] given"),
        ({"slots": [{"v3": {"out": [8, 16, 8]}}]}, "slots: slot 1 has a choice for none of"),
        (
            {"slots": [CONV, {"v2": {"out": [8, 16, 8], "expand": [1.2, 1.4]}}]},
            r"v2\.expand \[1\.2, 1\.4\] holds no whole",
        ),
        ({"tails": 3}, "slots: no setting 'tails'; known: activation, modules, slots, tail"),
    ],
)
def test_a_wrong_section_is_one_sentence(section: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        expand(section)
