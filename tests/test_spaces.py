"""Space files: the long form, its mistakes in one go, and what the flat form stays for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mfast_edge.errors import UserError
from mfast_edge.spaces import flat, plain, read

RATE = {"train.lr": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}}


def written(folder: Path, **sections: Any) -> str:
    place = folder / "mine.yaml"
    place.write_text(yaml.safe_dump(sections))
    return str(place)


def test_what_is_not_said_is_as_usual(tmp_path: Path) -> None:
    space = read(written(tmp_path, settings=RATE))
    assert space.name == "mine"
    assert list(space.objectives) == ["quality", "ms"]
    assert space.directions == ("maximize", "minimize")
    assert (space.sampler, space.pruner, space.clock) == ("tpe", "none", "measured")
    assert space.knobs == RATE
    assert space.tree({"train.lr": 0.01}) == {"train.lr": 0.01}


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    wrong = {
        "objectives": {"quality": "minimize", "beauty": "maximize"},
        "limits": {"mb": "heavy"},
        "sampler": "luck",
        "winner": {"quality": 2},
        "settings": {"train.lr": {"type": "float", "low": 1, "high": 0}},
    }
    with pytest.raises(UserError) as told:
        read(written(tmp_path, **wrong))
    sentence = str(told.value)
    for word in ("beauty", "limits.mb", "sampler", "winner.quality", "train.lr: low 1 lies above high 0"):
        assert word in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"objectives": {"quality": "minimize"}}, "quality: maximize would be right"),
        ({"objectives": {"ms": "maximize"}}, "ms: minimize would be right"),
        ({"score": {"f1": 0.7, "ms": 3.0}}, "objectives: {score: minimize} would be right"),
        ({"objectives": {"ms": "minimize"}, "pruner": "asha"}, "asha watches quality"),
        ({"sampler": "evolution"}, "evolution breeds by one objective"),
        ({"settings": {}}, "nothing to vary"),
        ({"limits": {"ms": "x2"}}, "limits.ms"),
        ({"colour": "red"}, "no setting 'colour'"),
    ],
)
def test_a_section_that_would_do_nothing_or_wrong_is_refused(
    tmp_path: Path, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        read(written(tmp_path, **{"settings": RATE, **sections}))


def test_the_two_forms_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    long = written(tmp_path, settings=RATE)
    with pytest.raises(UserError, match=r"python -m mfast_edge.tune --space .*would be right"):
        flat(long)
    with pytest.raises(UserError, match="the same under settings:"):
        read("quick")
    assert set(flat("quick")) == {"prune.keep", "quantize.method"}
    assert {"quick", "full"} <= set(plain())


@pytest.mark.parametrize(
    ("sections", "clocked"),
    [
        ({"objectives": {"quality": "maximize", "mb": "minimize"}}, False),
        ({"objectives": {"quality": "maximize"}, "limits": {"ms": 3}}, True),
        ({"objectives": {"quality": "maximize"}, "limits": {"ms": 3}, "clock": "predicted"}, True),
        ({"objectives": {"ratio": "minimize"}}, True),
        ({"objectives": {"quality": "maximize"}, "winner": {"quality": 0.5}}, True),
    ],
)
def test_only_what_a_clock_decides_depends_on_the_machine(
    tmp_path: Path, sections: dict[str, Any], clocked: bool
) -> None:
    assert read(written(tmp_path, settings=RATE, **sections)).clocked is clocked


def test_slots_are_knobs_of_their_own_and_come_to_a_network() -> None:
    space = read("trash")
    assert {"slot1.module", "tail.out", "model.size"} <= set(space.knobs)
    chosen = {
        "slot1.module": "Conv",
        "slot1.repeat": 1,
        "slot1.stride": 2,
        "slot1.conv.out": 16,
        "slot1.conv.kernel": 3,
    }
    rest = {f"slot{number}.module": "Pass" for number in range(2, 7)}
    tree = space.tree({**chosen, **rest, "slot1.activation": "ReLU", "tail.out": 64, "model.size": 96})
    assert set(tree) == {"model.size", "model.network"}
    assert tree["model.network"]["backbone"][0] == [1, "Conv", [16, 3, 2, None, 1, "ReLU"]]
    assert space.tree({"model.size": 96}) == {"model.size": 96}  # what a dry run looks at: the plan's own network


def test_a_network_that_is_searched_is_not_given_too(tmp_path: Path) -> None:
    slots = {"slots": [{"repeat": 1, "conv": {"out": [8, 16, 8]}}], "tail": [64, 128, 64]}
    both = {"type": "categorical", "choices": ["reference"]}
    with pytest.raises(UserError, match=r"model\.network is the slots'"):
        read(written(tmp_path, settings={"model.network": both}, slots=slots))
    with pytest.raises(UserError, match=r"mine\.yaml\.slots: .*"):
        read(written(tmp_path, slots={"tail": 3}))
    with pytest.raises(UserError, match=r"proxy: model\.network is searched too"):
        read(written(tmp_path, proxy={"model.network": "reference"}, slots=slots))


def test_slots_that_are_a_list_are_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="slots"):
        read(written(tmp_path, slots=[{"repeat": 1}]))
