"""What of a run goes on the clock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mfast_edge import timed
from mfast_edge.candidate import Candidate, Step

STAGES = {"train": "torch", "export_onnx": "onnx", "quantize": "onnx"}


def run(here: bool) -> tuple[Any, list[Any]]:
    """A shop and the rows of a run whose int8 was kept."""
    made: dict[str, Candidate] = {}
    rows = []
    for number, (stage, form) in enumerate(STAGES.items(), 1):
        steps = tuple(Step(name, 1, {}, 0, {}) for name in list(STAGES)[:number])
        made[stage] = Candidate(stage, "tiny", form, Path(stage), steps)  # type: ignore[arg-type]
        rows.append(SimpleNamespace(stage=stage, candidate=made[stage], verdict=SimpleNamespace(keep=True)))
    before = dict(zip(list(STAGES)[1:], STAGES, strict=False))
    store = SimpleNamespace(parent=lambda one: made[before[one.key]])
    return SimpleNamespace(target=SimpleNamespace(here=here, threads=1), store=store), rows


@pytest.mark.parametrize(
    ("here", "few", "many"),
    [
        (True, ["train", "export_onnx", "quantize"], ["train", "quantize"]),
        (False, ["train", "export_onnx"], ["train", "export_onnx"]),
    ],
)
def test_a_row_that_the_float_graph_stands_for_is_not_timed_beside_it(
    here: bool, few: list[str], many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time would be the float graph's under the int8 file's name."""
    seen: dict[int, list[str]] = {}

    def opened(_: object, rows: Sequence[Any], threads: int) -> list[object]:
        seen[threads] = [row.stage for row in rows]
        return []

    monkeypatch.setattr(timed, "opened", opened)
    monkeypatch.setattr(timed, "rounds", lambda *_, **__: [])
    monkeypatch.setattr(timed, "cpu_count", lambda: 2)
    shop, rows = run(here)
    timed.clock(shop, rows)
    assert seen == {1: few, 2: many}
    assert timed.stood(shop, rows, rows[-1]).stage == few[-1]
