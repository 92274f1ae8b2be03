"""Results of one board over several days: row by row the last one counts, beside a verdict of the same rounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.pages.tables import stages
from mfast_edge.returned import join
from mfast_edge.store import read_json
from tests.boards import NANO, brought, made

ARM: dict[str, Any] = {"cpu": None, "arch": "aarch64", "board": "Raspberry Pi 5", "threads": 1, "l4t": None}
ALL = {"t": [40.0] * 5, "x+p": [20.0] * 5}


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return made(tmp_path / "run")


def given(run: Path) -> list[tuple[str, float, str]]:
    """The rows of a board's results."""
    (path,) = (run / "results").glob("*.json")
    rows = json.loads(path.read_text())["rows"]
    return [(row["name"], row["forward"]["p50"], row["options"]["date"]) for row in rows]


@pytest.mark.parametrize("name", ["bench.json", "other.json"])
def test_one_graph_timed_again_leaves_the_other_rows_and_the_verdict(ran: Path, tmp_path: Path, name: str) -> None:
    """Its ratio stays that of the rounds in which its parent was timed too."""
    before = join(ran, [brought(tmp_path / "bench.json", ALL)])
    verdicts = {path.name: path.read_bytes() for path in (ran / "verdicts").iterdir()}
    final = join(ran, [brought(tmp_path / name, {"x+p": [25.0] * 5}, date="2026-01-02")])
    assert [row["board"]["ms"] for row in final["rows"]] == [40.0, 25.0, 25.0]
    assert [row["board"]["verdict"] for row in final["rows"]] == [row["board"]["verdict"] for row in before["rows"]]
    told = {path.name: path.read_bytes() for path in (ran / "verdicts").iterdir()}
    assert {name for name in told if told[name] != verdicts.get(name)} == {"p-x-board-abc123.json"}  # its own ms
    assert given(ran) == [("tiny t", 40.0, "2026-01-01"), ("tiny x+p", 25.0, "2026-01-02")]
    cells = [row[-2] for row in stages(final).rows]
    assert cells[0] == "40.00 (tensorrt float16, of 2026-01-01)"
    assert cells[1:] == ["25.00 (tensorrt float16)"] * 2
    assert "others" not in final["board"]


def test_a_file_whose_graphs_were_all_timed_again_goes(ran: Path, tmp_path: Path) -> None:
    join(ran, [brought(tmp_path / "bench.json", {"x+p": [25.0] * 5})])
    join(ran, [brought(tmp_path / "every.json", ALL, date="2026-01-02")])
    assert [path.name for path in (ran / "board").iterdir()] == ["002-every.json"]
    assert given(ran) == [("tiny t", 40.0, "2026-01-02"), ("tiny x+p", 20.0, "2026-01-02")]


def test_no_verdict_stays_of_a_board_whose_figures_no_longer_count(ran: Path, tmp_path: Path) -> None:
    """Else the run's judge would decide by what the report calls not timed."""
    join(ran, [brought(tmp_path / "bench.json", ALL)])
    assert read_json(ran / "verdicts" / "t-p-board-abc123.json") is not None
    final = join(ran, [brought(tmp_path / "bench.json", {"t": [30.0] * 5}, {**NANO, "memory_gb": 2.0})])
    assert ["board" in row for row in final["rows"]] == [True, False, False]
    assert sorted(path.name for path in (ran / "verdicts").glob("*-board-*")) == ["root-t-board-abc123.json"]


def test_of_checks_on_one_board_the_last_counts(ran: Path, tmp_path: Path) -> None:
    bad = {"passed": False, "matched": 5, "total": 9, "photos": 10}
    join(ran, [brought(tmp_path / "check.json", ALL, parity=bad)])
    good = brought(tmp_path / "check.json", {"x+p": [20.0] * 5}, parity={**bad, "passed": True, "matched": 9})
    final = join(ran, [good])
    assert {one["onnx"]: one["passed"] for one in final["board"]["checks"]} == {"t.onnx": False, "x+p.onnx": True}


def test_a_board_with_other_threads_is_the_same_board_and_is_judged_by_the_target_s(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "arm_cpu")
    four = brought(tmp_path / "bench-4t.json", {"t": [15.0] * 5, "x+p": [16.0] * 5}, {**ARM, "threads": 4})
    alone = join(run, [four])  # nothing else to go by
    assert [row["board"]["ms"] for row in alone["rows"]] == [15.0, 16.0, 16.0]
    assert alone["board"]["label"] == "Raspberry Pi 5, 4 threads"
    join(run, [brought(tmp_path / "bench-1t.json", ALL, ARM)])
    final = join(run, [four])
    assert [row["board"]["ms"] for row in final["rows"]] == [40.0, 20.0, 20.0]
    assert final["board"]["label"] == "Raspberry Pi 5"
    (other,) = final["board"]["others"]
    assert (other["label"], other["ms"]["prune"]) == ("Raspberry Pi 5, 4 threads", 16.0)
    assert sorted(path.stem for path in (run / "results").iterdir()) == ["raspberry-pi-5-1t", "raspberry-pi-5-4t"]


def test_an_older_row_of_another_board_tells_its_date(ran: Path, tmp_path: Path) -> None:
    older = {**NANO, "memory_gb": 2.0}
    join(ran, [brought(tmp_path / "bench.json", ALL, older)])
    join(ran, [brought(tmp_path / "bench.json", {"x+p": [25.0] * 5}, older, date="2026-01-02")])
    table = stages(join(ran, [brought(tmp_path / "bench.json", ALL, date="2026-01-03")]))
    assert table.head[-1] == "ms on NVIDIA Jetson Nano Developer Kit, 2026-01-02"
    assert [row[-1] for row in table.rows] == ["40.00 (of 2026-01-01)", "25.00", "25.00"]
