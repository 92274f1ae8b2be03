"""Runtimes as data: what a file says, what it takes from the one it builds on, what is refused."""

from pathlib import Path

import pytest

from export.errors import Unreadable
from export.rules import load_rules

TABLES = {"8.2": (129, 13), "8.4": (135, 17), "8.5": (142, 17), "8.6": (145, 17), "10.1": (150, 20)}


@pytest.mark.parametrize("version", TABLES)
def test_each_tensorrt_has_as_many_operators_as_its_documentation(version: str) -> None:
    rules = load_rules(f"tensorrt-{version}")
    taken = [*rules.operators, *rules.restricted]
    assert (len(taken), rules.opset) == TABLES[version]
    assert len(set(taken)) == len(taken)
    assert not set(rules.absent) & {*taken, *rules.plugins}


def test_a_runtime_says_only_what_differs_from_the_one_it_builds_on() -> None:
    old, new = load_rules("tensorrt-8.2"), load_rules("tensorrt-8.4")
    assert "HardSwish" in old.absent
    assert "HardSwish" in new.operators
    assert "HardSwish" not in new.absent
    assert "Range" in old.restricted
    assert "Range" not in new.restricted
    assert new.restricted["TopK"] == old.restricted["TopK"]
    assert (new.package, new.plugins, new.memory) == (old.package, old.plugins, old.memory)
    assert old.api is not None
    assert new.api is not None
    assert (new.api.workspace, new.api.explicit_batch) == ("either", old.api.explicit_batch)


def test_versions_that_were_not_looked_up_say_so() -> None:
    for name in ("tensorrt-10.3", "tensorrt-10.16"):
        rules = load_rules(name)
        assert rules.known
        assert "not looked up" in rules.source
        assert "10.1" in rules.note
    assert load_rules("tensorrt-10.1").note == ""
    assert not load_rules("tensorrt-11").known


def test_hardware_without_a_precision_takes_the_rest() -> None:
    rules = load_rules("tensorrt-10.3").on(["float32", "float16"])
    assert (rules.float16, rules.int8) == (True, False)


WRONG = {
    "base: mine.yaml\n": "builds on itself",
    "base: tensorrt-9\n": "tensorrt-9: no such runtime; give .*tensorrt-8.2",
    "base: tensorrt-8.2\nopset: many\n": "opset: ",
    "base: tensorrt-8.2\napi: {workspace: none}\n": "api.workspace: ",
    "[1, 2]\n": "holds list",
    "name: mine\npackage: p\nsource: s\nopset: many\nir: 8\nspeed: 3\n": r"opset: .*; speed: ",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_in_a_runtime_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(text)
    with pytest.raises(Unreadable, match=WRONG[text]):
        load_rules("mine.yaml")
