"""The YAML files that travel as package data: each is read by what uses it, from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfast_edge.settings import named, names
from mfast_edge.target import find
from search.space import parse


@pytest.mark.parametrize("name", names("targets"))
def test_a_target_is_complete(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = find(name)
    assert target.title
    assert (target.int8 is not None) == ("int8" in target.precisions)


@pytest.mark.parametrize("name", names("spaces"))
def test_a_space_belongs_to_a_plan_and_parses(name: str) -> None:
    assert name in names("plans")
    tree = named("spaces", name, "test")
    assert parse({key: knob for key, knob in tree.items() if key != "name"})
