"""What a search shows while it runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mfast_edge.scoreboard import Scoreboard, brief
from mfast_edge.terminal import Terminal
from search.study import Trial

UP = {"quality": "maximize", "ms": "minimize"}
TRIALS = [
    Trial(0, {"a": 1}, (0.5, 3.0), "complete", id=0),
    Trial(None, {"a": 2}, (), "failed", id=1),
    Trial(1, {"a": 2}, (0.7, 4.0), "complete", id=2),
    Trial(2, {"a": 3}, (), "rejected", why="mb 3, limit 2", id=3),
    Trial(3, {"a": 4}, (0.4, 9.0), "complete", id=4),
    Trial(None, {"a": 5}, (), "running", id=5),
]


def test_each_finished_trial_is_told_once_with_the_best_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    board = Scoreboard(UP, Terminal(False))
    with board.shown():
        board.update(TRIALS[:2])
        board.update(TRIALS)
        board.update(TRIALS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["0:", "2:", "3:", "4:"]
    assert "best quality 0.5 (trial 0), Pareto front of 1" in lines[0]
    assert "best quality 0.7 (trial 2), Pareto front of 2" in lines[-1]
    assert "rejected: mb 3, limit 2" in lines[2]


def test_on_a_terminal_the_front_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    terminal, seen = Terminal(False), io.StringIO()
    terminal.out = Console(file=seen, force_terminal=True, width=120)
    board = Scoreboard(UP, terminal)
    with board.shown():
        board.update(TRIALS)
        board.say("epoch 3/9")
    shown = seen.getvalue()
    assert "Pareto front" in shown
    assert "epoch 3/9" in shown
    assert "running: trial 5" in shown
    assert "3 complete, 1 rejected, 0 pruned" in shown
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("way", ["minimize", "maximize"])
def test_of_a_long_front_the_best_by_the_first_objective_are_shown(way: str) -> None:
    values = [(n, 100.0 - n if way == "minimize" else n) for n in range(20)]
    trials = [Trial(n, {}, (float(a), float(b)), "complete", id=n) for n, (a, b) in enumerate(values)]
    shown = list(Scoreboard({"score": way, "ms": "minimize"}, Terminal(False)).table(trials).columns[0].cells)
    best = range(12) if way == "minimize" else range(19, 7, -1)
    assert shown == [str(n) for n in best]


def test_with_json_only_the_object_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    board = Scoreboard(UP, Terminal(True))
    with board.shown():
        board.update(TRIALS)
    assert capsys.readouterr().out == ""


def test_of_a_searched_network_only_the_other_settings_are_told() -> None:
    slots = {f"slot{number}.repeat": number for number in range(1, 9)}
    trial = Trial(0, {**slots, "tail.out": 64, "train.lr": 0.0012345}, (0.5, 3.0), "complete")
    assert brief(trial) == "train.lr=0.001234, … 9 more"
    assert brief(Trial(0, {"slot1.repeat": 2}, (), "running")) == "slot1.repeat=2"
