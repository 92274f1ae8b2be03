"""What pruning alone costs is measured on any trained network, and a graph is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfast_edge.errors import UserError
from tests.shows.untrained import COLUMNS, main


def stored(runs: Path, file: str) -> Path:
    """A finished candidate that has such a file."""
    return next(card.parent for card in sorted((runs / "store").glob("*/card.json")) if (card.parent / file).is_file())


def spec(runs: Path) -> str:
    """The data that the run was made on."""
    page = next(runs.glob("*/page.json"))
    return str(json.loads(page.read_text())["data"]["spec"])


@pytest.mark.slow
def test_a_row_tells_what_is_left_and_what_was_lost(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(stored(finished, "weights.safetensors")), "--data", spec(finished)])
    head, _, row = capsys.readouterr().out.strip().splitlines()
    told = dict(zip(COLUMNS, (cell.strip() for cell in row.strip("|").split(" | ")), strict=True))
    assert head.strip("| ").split(" | ") == list(COLUMNS)
    assert told["model"] == "tiny"
    assert 0 < float(told["macs_kept"]) <= 0.9
    assert code == int(float(told["lost"]) > 5)


@pytest.mark.slow
def test_a_graph_is_refused(finished: Path) -> None:
    with pytest.raises(UserError, match="a float network"):
        main([str(stored(finished, "model.onnx")), "--data", spec(finished)])
