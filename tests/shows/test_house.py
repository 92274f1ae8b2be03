"""Commands in tables are those that anyone can type."""

from __future__ import annotations

import pytest

from tests.shows.house import ROOT, portable


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("compress --out /tmp/x/runs/search --name a", "compress --out runs/search --name a"),
        ("compress --out /tmp/x", "compress --out runs/house"),
        (f"compress --plan {ROOT}/tests/shows/gate.yaml", "compress --plan tests/shows/gate.yaml"),
        ("compress --data voc:/photos/bccd", "compress --data voc:$MFAST_DATA/bccd"),
    ],
)
def test_a_command_names_no_path_of_the_machine(typed: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFAST_DATA", "/photos")
    assert portable(typed) == told
