"""Blocks kept in float, chosen from a stored autopsy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.candidate import file_digest
from mfast_edge.errors import UserError
from mfast_edge.stages.mixed import chosen
from mfast_edge.stages.quantize import Quantize
from mfast_edge.target import find

AUTOPSY: dict[str, Any] = {
    "float": {"map": 60.0},
    "front": [
        {"keep_float": [], "map": 57.0, "ms": 1.0},
        {"keep_float": ["a"], "map": 59.0, "ms": 1.3},
        {"keep_float": ["a", "b"], "map": 59.8, "ms": 1.2},
        {"keep_float": ["a", "b", "c"], "map": 59.9, "ms": 1.9},
    ],
}


@pytest.mark.parametrize(("lose", "blocks"), [(3.0, ()), (1.5, ("a", "b")), (0.15, ("a", "b", "c"))])
def test_the_fastest_set_that_loses_little_enough_is_taken(lose: float, blocks: tuple[str, ...]) -> None:
    assert chosen(AUTOPSY, lose) == blocks


def test_where_every_set_loses_more_the_best_is_told() -> None:
    with pytest.raises(UserError, match=r"0.05 given; the best set of the autopsy loses 0\.10 points"):
        chosen(AUTOPSY, 0.05)


def test_the_key_holds_what_was_measured_and_not_where_it_lies(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps(AUTOPSY))
    (tmp_path / "other.json").write_text(json.dumps({**AUTOPSY, "photos": 9}))
    x86 = find("x86")
    one, two, other = (
        Quantize.model_validate({"mixed": {"autopsy": str(tmp_path / f"{name}.json"), "lose": 1.5}}).fitted(x86)
        for name in ("one", "two", "other")
    )
    assert one == two
    assert one.keep_float == other.keep_float == ("a", "b")
    assert one != other
    assert one.mixed is not None
    assert one.mixed.autopsy == file_digest(tmp_path / "one.json")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"mixed": {"autopsy": "nowhere.json"}}, r"'nowhere.json' given; a file that python -m mfast_edge\.autopsy"),
        ({"mixed": {"autopsy": "x"}, "keep_float": ["a"]}, "one of the two would be right"),
    ],
)
def test_a_mistake_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Quantize.model_validate(given).fitted(find("x86"))
