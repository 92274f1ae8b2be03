import optuna
import pytest

from search.space import (
    Categorical,
    Float,
    Int,
    SpaceError,
    holds,
    load,
    order,
    parse,
    point,
    size,
    snapped,
    suggest,
    whole,
)

GOOD = {
    "prune.keep": {"type": "float", "low": 0.3, "high": 1.0, "step": 0.1},
    "train.lr": {"type": "float", "low": 1e-4, "high": 1, "log": True},
    "train.batch": {"type": "int", "low": 8, "high": 32, "step": 8},
    "train.width": {"type": "int", "low": 1, "high": 1000, "log": True},
    "train.schedule": {"type": "categorical", "choices": ["cosine", "one-cycle", None]},
}


def test_a_space_is_read_into_its_kinds():
    assert parse(GOOD) == {
        "prune.keep": Float(0.3, 1.0, 0.1),
        "train.lr": Float(1e-4, 1, None, True),
        "train.batch": Int(8, 32, 8),
        "train.width": Int(1, 1000, 1, True),
        "train.schedule": Categorical(("cosine", "one-cycle", None)),
    }


def test_every_mistake_is_named_at_once():
    with pytest.raises(SpaceError) as caught:
        parse(
            {
                "a.b": {"type": "real", "low": 0, "high": 1},
                "c": {"type": "int", "low": 3, "high": 1, "width": 2},
                "d": {"type": "float", "low": "0", "high": None},
                "e": GOOD["train.lr"],
            }
        )
    said = str(caught.value)
    for part in ("a.b: type is 'real'", "c: 'width' is unknown", "c: low 3 lies above high 1",
                 "d: low is '0'", "d: high is None"):  # fmt: skip
        assert part in said
    assert "e: " not in said


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (3, "got 3; wanted a type"),
        ({}, "type is None"),
        ({"type": ["int"]}, r"type is \['int'\]"),
        ({"type": "int", "low": 0}, "high is None"),
        ({"type": "int", "low": 0.5, "high": 2}, "low is 0.5; wanted a whole number"),
        ({"type": "int", "low": True, "high": 2}, "low is True"),
        ({"type": "int", "low": 0, "high": 2, "step": 0}, "step is 0; wanted more"),
        ({"type": "int", "low": 0, "high": 2, "step": None}, "step is None"),
        ({"type": "int", "low": 0, "high": 5, "step": 2}, "no whole number of steps of 2"),
        ({"type": "int", "low": 0, "high": 5, "log": True}, "a logarithm wants more than 0"),
        ({"type": "int", "low": 1, "high": 5, "step": 2, "log": True}, "step 2 and log"),
        ({"type": "float", "low": 0.1, "high": 1, "step": 0.1, "log": True}, "step 0.1 and log"),
        ({"type": "float", "low": 0, "high": float("inf")}, "high is inf; wanted a finite"),
        ({"type": "float", "low": 0, "high": 1, "step": 0.3}, "0.1 is left over"),
        ({"type": "float", "low": 0, "high": 1, "log": "yes"}, "log is 'yes'"),
        ({"type": "categorical"}, "choices is None"),
        ({"type": "categorical", "choices": []}, r"choices is \[\]"),
        ({"type": "categorical", "choices": "abc"}, "choices is 'abc'"),
        ({"type": "categorical", "choices": [[1]]}, r"choice \[1\]; wanted text"),
        ({"type": "categorical", "choices": [1, True]}, "choice True stands there twice"),
        ({"type": "categorical", "choices": ["a"], "low": 0}, "'low' is unknown to categorical"),
    ],
)
def test_a_setting_that_cannot_be_searched_is_refused(entry, sentence):
    with pytest.raises(SpaceError, match=sentence):
        parse({"a.b": entry})


@pytest.mark.parametrize("name", ["", "a..b", "a b", 3, "prune.0"])
def test_a_name_that_is_no_setting_is_refused(name):
    with pytest.raises(SpaceError, match="wanted a dotted name"):
        parse({name: GOOD["train.lr"]})


@pytest.mark.parametrize("nothing", [None, {}, [], "prune.keep"])
def test_a_space_without_settings_is_refused(nothing):
    with pytest.raises(SpaceError, match="wanted setting names"):
        parse(nothing)


def test_a_step_that_only_decimals_divide_is_taken():
    assert parse({"a": {"type": "float", "low": 0, "high": 1.0, "step": 0.1}})["a"] == Float(0, 1.0, 0.1)


def test_every_kind_is_drawn_within_its_limits():
    space = parse(GOOD)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [suggest(study.ask(), space) for _ in range(30)]
    assert all(list(one) == sorted(GOOD) for one in drawn)
    assert {one["train.batch"] for one in drawn} == {8, 16, 24, 32}
    assert {one["train.schedule"] for one in drawn} == {"cosine", "one-cycle", None}
    assert all(1e-4 <= one["train.lr"] <= 1 and 1 <= one["train.width"] <= 1000 for one in drawn)
    assert {round(one["prune.keep"], 9) for one in drawn} <= {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}


def test_a_space_is_loaded_from_yaml(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text("prune.keep: {type: float, low: 0.3, high: 1.0}\n")
    assert load(path) == {"prune.keep": Float(0.3, 1.0)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "space.yaml: "),
        ("a: {type: float, low: 1e-4, high: 1}", "YAML reads 1e-4 as text"),
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("", "wanted setting names"),
    ],
)
def test_a_file_that_is_no_space_is_refused_with_its_path(tmp_path, text, sentence):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(SpaceError, match=sentence) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SpaceError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("entry", "value", "held"),
    [
        ({"type": "float", "low": 0.2, "high": 0.95, "step": 0.05}, 0.6, True),
        ({"type": "float", "low": 0.2, "high": 0.95, "step": 0.05}, 0.61, False),
        ({"type": "float", "low": 0.2, "high": 0.95}, 0.99, False),
        ({"type": "float", "low": 0.2, "high": 0.95}, True, False),
        ({"type": "int", "low": 1, "high": 9}, 3, True),
        ({"type": "int", "low": 1, "high": 9}, 3.5, False),
        ({"type": "categorical", "choices": ["a", 300]}, 300, True),
        ({"type": "categorical", "choices": ["a", 300]}, None, False),
    ],
)
def test_a_knob_holds_what_it_may_be(entry, value, held):
    assert holds(parse({"a.b": entry})["a.b"], value) is held


def test_a_space_of_steps_and_choices_is_counted():
    counted = parse(
        {
            "a": {"type": "int", "low": 2, "high": 8, "step": 2},
            "b": {"type": "float", "low": 0.1, "high": 1, "step": 0.1},
            "c": {"type": "categorical", "choices": ["x", None]},
            "d": {"type": "int", "low": 1, "high": 3, "log": True},
            "e": {"type": "float", "low": 1, "high": 1},
        }
    )
    assert size(counted) == 4 * 10 * 2 * 3
    points = [tuple(point(counted, number).values()) for number in range(240)]
    assert len(set(points)) == 240
    assert {one[0] for one in points} == {2, 4, 6, 8}
    assert {one[1] for one in points} == {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}
    assert size(parse(GOOD)) is None
    assert snapped(counted, {"b": 0.1 + 2 * 0.1, "a": 4}) == {"a": 4, "b": 0.3}


SLOTS = {
    "slot1.module": {"type": "categorical", "choices": ["Conv", "v3", "Pass"]},
    "slot1.conv.out": {"type": "int", "low": 16, "high": 64, "step": 16, "when": {"slot1.module": ["Conv"]}},
    "slot1.v3.se": {"type": "categorical", "choices": [0, 1], "when": {"slot1.module": ["v3"]}},
    "slot1.v3.ratio": {"type": "int", "low": 2, "high": 4, "when": [{"slot1.module": ["v3"]}, {"slot1.v3.se": [1]}]},
    "slot1.activation": {"type": "categorical", "choices": ["r", "h"], "when": {"slot1.module": ["Conv", "v3"]}},
    "a.size": {"type": "int", "low": 96, "high": 160, "step": 32},
}


def test_a_knob_is_there_only_where_its_conditions_hold():
    space = parse(SLOTS)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [suggest(study.ask(), space) for _ in range(60)]
    assert all(whole(space, params) for params in drawn)
    there = {params["slot1.module"]: set(params) - {"slot1.module", "a.size"} for params in drawn}
    assert there["Conv"] == {"slot1.conv.out", "slot1.activation"}
    assert there["Pass"] == set()
    assert {"slot1.v3.ratio" in params for params in drawn if params.get("slot1.v3.se") == 1} == {True}
    assert {"slot1.v3.ratio" in params for params in drawn if params.get("slot1.v3.se") == 0} == {False}
    assert all(list(params) == sorted(params) for params in drawn)


def test_a_knob_is_drawn_after_those_that_it_hangs_on():
    space = parse(
        {
            "a": {"type": "int", "low": 0, "high": 1, "when": {"z": [1]}},
            "b": {"type": "int", "low": 0, "high": 1},
            "z": {"type": "int", "low": 0, "high": 1, "when": {"b": [0]}},
        }
    )
    assert order(space) == ["b", "z", "a"]
    assert order(parse(dict(reversed(list(SLOTS.items()))))) == order(parse(SLOTS))


def test_settings_lack_nothing_and_have_nothing_too_much():
    space = parse(SLOTS)
    assert whole(space, {"slot1.module": "Pass", "a.size": 96})
    assert not whole(space, {"slot1.module": "Pass"})
    assert not whole(space, {"slot1.module": "Pass", "a.size": 96, "slot1.v3.se": 1})
    assert not whole(space, {"slot1.module": "v3", "slot1.v3.se": 1, "slot1.activation": "r", "a.size": 96})


def test_a_space_with_conditions_is_counted_by_what_is_there():
    space = parse(SLOTS)
    assert size(space) == 3 * (4 * 2 + (1 + 3) * 2 + 1)
    points = [point(space, number) for number in range(size(space))]
    assert len({tuple(one.items()) for one in points}) == size(space)
    assert all(whole(space, one) and all(holds(space[name], value) for name, value in one.items()) for one in points)


def test_a_space_is_endless_only_where_an_endless_knob_may_be_there():
    endless = {"type": "float", "low": 0, "high": 1, "when": {"slot1.module": ["v3"]}}
    assert size(parse({**SLOTS, "lr": endless})) is None
    kinds = {"type": "categorical", "choices": list(range(400))}
    much = {"a": kinds, "b": kinds, "c": {"type": "int", "low": 0, "high": 1, "when": [{"a": [1]}, {"b": [1]}]}}
    assert size(parse(much)) is None  # it could be counted, but not by looking at all of a and b


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("a", "when is 'a'; wanted"),
        ({"a": 1}, "when is {'a': 1}; wanted"),
        ({"a": []}, "wanted {other setting"),
        ([3], r"when is \[3\]; wanted"),
        ({"c": [1]}, "when names c, which is no setting"),
        ({"a": [1, 9]}, "when wants 9 of a, which never takes it"),
        ({"b": [1]}, "when names b, which itself hangs on b"),
        ({"d": [1]}, "when names d, which itself hangs on b"),
    ],
)
def test_a_condition_that_cannot_be_met_is_refused(when, sentence):
    knob = {"type": "int", "low": 0, "high": 3}
    with pytest.raises(SpaceError, match=sentence):
        parse({"a": knob, "b": {**knob, "when": when}, "d": {**knob, "when": {"b": [1]}}})


@pytest.mark.parametrize("gain", [0, -1, "much", True])
def test_a_gain_that_moves_nothing_is_refused(gain):
    with pytest.raises(SpaceError, match="wanted a number above 0"):
        parse({"a": {"type": "float", "low": 0, "high": 1, "gain": gain}})
