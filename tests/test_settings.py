"""Settings files: what is wrong with one is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfast_edge.errors import UserError
from mfast_edge.settings import canonical, load


@pytest.mark.parametrize(("text", "word"), [("a: [", "not YAML"), ("- 1", "a mapping would be right"), ("", "mapping")])
def test_a_broken_file_is_named(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=word) as wrong:
        load(file, "--plan")
    assert str(file) in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path / "none.yaml", "--plan")


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical({"a": 1, "b": [1, 2]}) == canonical({"b": [1, 2], "a": 1})
