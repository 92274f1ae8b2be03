"""Results that come back from a device: joined to their run, its candidates judged again, nothing made again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from mfast_edge import target
from mfast_edge.board import board
from mfast_edge.candidate import Candidate
from mfast_edge.errors import UserError
from mfast_edge.judge import Judge
from mfast_edge.pages.tables import stages
from mfast_edge.pipeline import Row, culprit
from mfast_edge.returned import attach, join
from mfast_edge.store import read_json, write_json
from mfast_edge.verdict import Verdict, returned, settle
from tests.boards import LOSS, NANO, brought, made, verdict


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return made(tmp_path / "run")


@pytest.mark.parametrize(
    ("ms", "keep", "said"),
    [(20.0, True, "kept: 0.50x the time [0.50, 0.50] in tensorrt"), (41.0, False, "rolled back: 1.02x the time")],
)
def test_a_stage_is_judged_again_by_the_device_s_own_times(
    ran: Path, tmp_path: Path, ms: float, keep: bool, said: str
) -> None:
    file = brought(tmp_path / "bench.json", {"t": [40.0] * 5, "x+p": [ms] * 5})
    final = join(ran, [file])
    train, prune, export = (row["board"] for row in final["rows"])
    assert (train["ms"], prune["ms"], export["ms"]) == (40.0, ms, ms)
    assert prune["keep"] is keep
    assert prune["verdict"].startswith(said)
    assert "proxy" not in prune["verdict"]
    assert final["rows"][1]["keep"]  # what was decided here stays told beside it
    assert final["board"]["label"] == "NVIDIA Jetson Nano Developer Kit"
    assert json.loads((ran / "final.json").read_text()) == json.loads(json.dumps(final))
    assert [path.stem for path in (ran / "results").glob("*.json")] == ["nvidia-jetson-nano-developer-kit-1t"]


def test_the_run_s_judge_reads_the_device_s_verdict_first(ran: Path, tmp_path: Path) -> None:
    """So the same command goes on from it: nothing is raced. Judged otherwise it is another verdict."""
    shop: Any = SimpleNamespace(machine="here", target=target.find("jetson"))
    parent, child = (Candidate(key, "tiny", "torch", tmp_path, ()) for key in ("t", "p"))
    judge = Judge(shop, 1.0, None, ran / "verdicts")
    join(ran, [file := brought(tmp_path / "bench.json", {"t": [40.0] * 5, "x+p": [41.0] * 5})])
    assert judge.stored(parent, child) is None
    next(ran.glob("verdicts/*-p-here-*.json")).rename(judge.place(parent, child))
    join(ran, [file])
    judged = judge.verdict("prune", parent, parent, child)
    assert not judged.keep
    assert (judged.machine, judged.proxy, judged.ms) == ("nvidia-jetson-nano-developer-kit-1t", False, 41.0)


def test_a_run_that_was_judged_on_such_a_machine_keeps_its_verdicts_and_its_own_rows(ran: Path, tmp_path: Path) -> None:
    final = json.loads((ran / "final.json").read_text())
    write_json(ran / "final.json", {**final, "proxy": False})
    own = json.loads(brought(tmp_path / "own.json", {"t": [39.0] * 5}).read_text())
    own["rows"][0]["options"] = {}
    write_json(ran / "results" / "nvidia-jetson-nano-developer-kit-1t.json", own)
    before = sorted(path.name for path in (ran / "verdicts").iterdir())
    joined = join(ran, [brought(tmp_path / "bench.json", {"t": [40.0] * 5, "x+p": [41.0] * 5})])
    assert joined["rows"][1]["board"]["keep"]
    assert sorted(path.name for path in (ran / "verdicts").iterdir()) == before
    rows = json.loads((ran / "results" / "nvidia-jetson-nano-developer-kit-1t.json").read_text())["rows"]
    assert [row["forward"]["p50"] for row in rows] == [39.0, 40.0, 41.0]


def test_joining_twice_is_joining_once(ran: Path, tmp_path: Path) -> None:
    file = brought(tmp_path / "bench.json", {"t": [40.0] * 5, "x+p": [20.0] * 5})
    once = join(ran, [file])
    assert join(ran, [file]) == once
    assert attach(once, ran) == once


def test_a_candidate_whose_parent_was_not_timed_there_keeps_the_stand_in_s_verdict(ran: Path, tmp_path: Path) -> None:
    final = join(ran, [brought(tmp_path / "bench.json", {"x+p": [20.0] * 5})])
    assert "by proxy" in final["rows"][1]["board"]["verdict"]
    assert final["rows"][1]["board"]["ms"] == 20.0
    assert "board" not in final["rows"][0]


def test_what_no_stand_in_could_race_is_weighed_by_the_device(ran: Path, tmp_path: Path) -> None:
    """An int8 graph of a device with another int8: here only its bytes and its loss are known."""
    place = next(ran.glob("verdicts/*-p-here-*.json"))
    write_json(place, {**json.loads(place.read_text()), "ratio": None})
    final = join(ran, [brought(tmp_path / "bench.json", {"t": [40.0] * 5, "x+p": [41.0] * 5})])
    assert final["rows"][1]["board"]["verdict"].startswith("rolled back: 1.02x the time")


def test_each_board_s_figures_stay_with_it_whatever_its_files_are_called(ran: Path, tmp_path: Path) -> None:
    """Two of one kind: the one that was timed last judges, and nothing of the other stands under its name."""
    older = {**NANO, "l4t": "# R31", "memory_gb": 2.0}
    bench = {"t": [40.0] * 5, "x+p": [20.0] * 5}
    join(ran, [brought(tmp_path / "z.json", bench, older)])
    final = join(ran, [brought(tmp_path / "a.json", {"t": [30.0] * 5})])
    assert [row.get("board", {}).get("ms") for row in final["rows"]] == [30.0, None, None]
    (other,) = final["board"]["others"]
    assert other["ms"] == {"train": 40.0, "prune": 20.0, "export_onnx": 20.0}
    assert stages(final).head[-1] == "ms on NVIDIA Jetson Nano Developer Kit, 2026-01-01"
    assert [row[-1] for row in stages(final).rows] == ["40.00", "20.00", "20.00"]
    same = brought(tmp_path / "z.json", {"t": [30.0] * 5, "x+p": [29.0] * 5})
    final = join(ran, [same])  # of the newer board, called as the older one's
    assert [row["board"]["ms"] for row in final["rows"]] == [30.0, 29.0, 29.0]
    assert final["board"]["others"] == [other]
    assert len(list((ran / "board").iterdir())) == 2  # what was timed again is told once
    assert (
        join(ran, [brought(tmp_path / "z.json", bench, {**older, "python": "3.8"})])["rows"][1]["board"]["ms"] == 20.0
    )


@pytest.mark.parametrize(("ms", "blamed"), [(10.0, "prune"), (19.0, None)], ids=["int8 pays more", "prune does"])
def test_whether_a_stage_gives_way_to_int8_is_decided_by_the_device_s_times(
    ran: Path, tmp_path: Path, ms: float, blamed: str | None
) -> None:
    """Over the budget as a whole: here nobody knows what int8 gains there, so nothing is taken back for it."""
    over = replace(verdict("quantize", "x", "q", None), bytes_ratio=0.3, loss={**LOSS, "points": 1.4})
    over = settle(over, 1.0)
    assert "the board must say, and with it whether an earlier stage is taken back" in over.sentence
    write_json(ran / "verdicts" / "x-q-here-abc123.json", asdict(over))
    final = read_json(ran / "final.json")
    row = {**final["rows"][2], "stage": "quantize", "key": "q", "keep": over.keep, "verdict": over.sentence}
    write_json(ran / "final.json", {**final, "rows": [*final["rows"], row]})

    def rows() -> list[Row]:
        return [
            Row(one.stage, Candidate(one.child, "tiny", "torch", tmp_path, ()), settle(one, 1.0), None)
            for key in ("t", "p", "x", "q")
            for path in [next((ran / "verdicts").glob(f"*-{key}-here-abc123.json"))]
            for one in [Verdict(**(read_json(returned(path)) or read_json(path)))]
        ]

    assert (rows()[-1].verdict.over_budget, culprit(rows())) == (True, None)
    join(ran, [brought(tmp_path / "bench.json", {"t": [25.0] * 5, "x+p": [20.0] * 5, "q": [ms] * 5})])
    assert culprit(rows()) == blamed


@pytest.mark.parametrize(
    "device",
    [
        {**NANO, "board": "NVIDIA Jetson Orin Nano Developer Kit"},
        {**NANO, "arch": "x86_64"},
        {**NANO, "board": None},
    ],
)
def test_no_figure_of_another_machine_gets_the_device_s_name(ran: Path, tmp_path: Path, device: dict[str, Any]) -> None:
    before = (ran / "final.json").read_bytes()
    with pytest.raises(UserError, match="which is no Jetson Nano"):
        join(ran, [brought(tmp_path / "bench.json", {"x+p": [20.0] * 5}, device)])
    assert (ran / "final.json").read_bytes() == before
    assert not (ran / "board").exists()


def test_results_of_another_run_are_refused(ran: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="of another bundle"):
        join(ran, [brought(tmp_path / "bench.json", {"q": [20.0] * 5})])
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(UserError, match="wanted an object with machine"):
        join(ran, [tmp_path / "none.json"])
    with pytest.raises(UserError, match="no finished run"):
        join(tmp_path, [tmp_path / "none.json"])


@pytest.mark.parametrize(
    "options",
    [{"keys": 5}, {"medians": []}, {"medians": "fast"}, {"medians": [0.0]}, {"medians": None}, {"parity": {}}],
)
def test_a_file_that_is_not_what_run_py_writes_is_refused_and_not_kept(
    ran: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Kept, it would fail every later command on the run."""
    with pytest.raises(UserError, match=r"no result of the bundle's run\.py"):
        join(ran, [brought(tmp_path / "bench.json", {"t": [40.0] * 5}, **options)])
    assert not (ran / "board").exists()


def test_too_few_rounds_decide_nothing(ran: Path, tmp_path: Path) -> None:
    """Of one round low, median and high are the same number."""
    with pytest.raises(UserError, match=r"tiny x\+p: timed in 4 rounds, .* --rounds 5 or more would be right") as wrong:
        join(ran, [brought(tmp_path / "bench.json", {"t": [40.0] * 5, "x+p": [20.0] * 4})])
    assert "\n" not in str(wrong.value)
    assert not (ran / "board").exists()


def test_the_report_has_a_column_of_the_device(ran: Path, tmp_path: Path) -> None:
    assert "ms on" not in " ".join(stages(read_json(ran / "final.json")).head)
    final = join(ran, [brought(tmp_path / "bench.json", {"t": [40.0] * 5, "x+p": [41.0] * 5})])
    table = stages(final)
    assert table.head[-2:] == ["ms on NVIDIA Jetson Nano Developer Kit", "There"]
    assert [row[-2:] for row in table.rows] == [
        ["40.00 (tensorrt float16)", "kept"],
        ["41.00 (tensorrt float16)", "rolled back"],
        ["41.00 (tensorrt float16)", "kept"],
    ]


def test_what_check_found_there_is_told(ran: Path, tmp_path: Path) -> None:
    file = brought(tmp_path / "check.json", {"x+p": [1.0] * 5})
    told = json.loads(file.read_text())
    del told["rows"][0]["options"]["medians"]
    told["rows"][0]["options"]["parity"] = {"passed": False, "matched": 5, "total": 9, "photos": 10}
    file.write_text(json.dumps(told))
    final = join(ran, [file])
    assert [one["said"] for one in final["board"]["checks"]] == [
        "NOT the same as here: 5 of 9 detections in 10 photos have a partner"
    ]
    assert all("board" not in row for row in final["rows"])


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_door_s_exit_code_is_the_check_s(
    ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: bool, code: int
) -> None:
    same = {"passed": passed, "matched": 9, "total": 9, "photos": 10}
    monkeypatch.setattr("mfast_edge.report.render", lambda *_: None)
    with pytest.raises(typer.Exit) as end:
        board(ran, [brought(tmp_path / "check.json", {"x+p": [1.0] * 5}, parity=same)])
    assert end.value.exit_code == code


def test_the_door_says_a_mistake_in_one_sentence(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mfast_edge.board", str(tmp_path), str(tmp_path / "x.json")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
