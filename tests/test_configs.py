"""The YAML files that travel as package data: each is read by what uses it, from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfast_edge.errors import UserError
from mfast_edge.settings import named, names
from mfast_edge.spaces import plain, read
from mfast_edge.target import find
from search.space import parse


@pytest.mark.parametrize(("line", "word"), [("runtimes: [tensort]", "tensort"), ("rules: tensorrt-9", "tensorrt-9")])
def test_a_target_s_runtime_or_rules_that_nobody_knows_are_refused(tmp_path: Path, line: str, word: str) -> None:
    mine = tmp_path / "mine.yaml"
    given = {"runtimes": "runtimes: [onnxruntime]", line.partition(":")[0]: line}
    mine.write_text("\n".join(["title: Mine", "arch: [x86_64]", "precisions: [float32]", *given.values()]))
    with pytest.raises(UserError, match=f"'{word}' is not known; known: "):
        find(str(mine))


@pytest.mark.parametrize("name", names("targets"))
def test_a_target_is_complete(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = find(name)
    assert target.title
    assert (target.int8 is not None) == ("int8" in target.precisions)


@pytest.mark.parametrize("name", plain())
def test_a_space_belongs_to_a_plan_and_parses(name: str) -> None:
    assert name in names("plans")
    tree = named("spaces", name, "test")
    assert parse({key: knob for key, knob in tree.items() if key != "name"})


@pytest.mark.parametrize("name", sorted(set(names("spaces")) - set(plain())))
def test_a_space_with_objectives_is_complete(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(name).knobs
