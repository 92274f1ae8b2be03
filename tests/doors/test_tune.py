"""The door of a search: limits, trials, the winner's own run, workers that die, the same command again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.door import command, hidden
from mfast_edge.errors import UserError
from mfast_edge.searched import Hunt, prepared, run
from mfast_edge.terminal import Terminal
from mfast_edge.workshop import Workshop
from search.space import parse
from search.study import Settings, read
from search.study import run as study
from tests.class_folders import draw
from tests.conftest import asked
from tests.doors.doors import door, refused
from tests.hunts import files, hunt, told

SLOTS = {"slots": [{"repeat": 1, "conv": {"out": [8, 16, 8]}}], "tail": [64, 128, 64]}


def test_a_search_ends_with_the_winner_trained_in_full_and_the_same_command_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files(tmp_path)
    assert run(hunt(tmp_path, final=True)) in (0, 1)
    found, home = told(tmp_path), tmp_path / "runs" / "hunt"
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  trial")]
    assert len(lines) == len(found["trials"]) == found["counts"]["finished"] == 4
    wide = [one for one in found["trials"] if one["params"]["model.width"] == 1.0]
    assert all("parameters" in one["why"] and one["key"] is None for one in wide)
    answered = [one for one in found["trials"] if one["state"] == "complete"]
    assert {one["id"] for one in found["finals"]} == {one["id"] for one in answered}
    fastest = min(found["finals"], key=lambda one: one["figures"]["ms"])
    assert found["winner"]["figures"]["ms"] <= fastest["figures"]["ms"] / 0.98
    row = json.loads((home / "plan.json").read_text())["stages"][0]["train"]
    assert (row["images"], row["lr"]) == (96, found["winner"]["params"]["train.lr"])
    proxy = json.loads((tmp_path / "runs" / "store" / answered[0]["key"] / "card.json").read_text())
    assert proxy["lineage"][0]["settings"]["images"] == 48
    assert {"final.json", "bundle", "report.html", "search.html", "search.md"} <= {one.name for one in home.iterdir()}

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "store").rglob("*")}
    assert run(hunt(tmp_path, final=True)) in (0, 1)
    assert [told(tmp_path)[name] for name in ("trials", "finals", "winner")] == [
        found[name] for name in ("trials", "finals", "winner")
    ]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "store").rglob("*")} == before


def test_what_is_over_a_limit_is_rejected_before_any_training(tmp_path: Path) -> None:
    files(tmp_path, limits={"parameters": 10, "mb": "1.0x"})
    with pytest.raises(UserError, match=r"no trial of 2 was answered \(.*parameters .*, limit 10"):
        run(hunt(tmp_path, search=2))
    assert [one["state"] for one in told(tmp_path)["trials"]] == ["rejected", "rejected"]
    assert not (tmp_path / "runs" / "store").exists()
    assert not (tmp_path / "runs" / "work").exists()


@pytest.mark.slow
def test_two_workers_share_one_study(tmp_path: Path) -> None:
    plan, space = files(tmp_path)
    words = ["--space", space, "--plan", plan, "--model", "tiny", "--device", "cpu", "--out", tmp_path / "runs"]
    done = door("tune", *words, "--name", "hunt", "--search", 6, "--workers", 2, "--no-final", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == told(tmp_path)
    assert found["counts"]["finished"] == 6
    assert len({one["worker"] for one in found["trials"]}) == 2
    assert found["counts"]["failed"] == found["counts"]["running"] == 0


@pytest.mark.slow
def test_a_killed_search_goes_on_and_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    plan, space = files(tmp_path, proxy={"train.images": 1600}, limits={}, winner=None)
    words = ["--space", space, "--plan", plan, "--model", "tiny", "--device", "cpu", "--out", str(tmp_path / "runs")]
    words += ["--name", "hunt", "--search", "1", "--study", "mine", "--no-final"]
    journal = tmp_path / "runs" / "hunt" / "search.log"
    victim = subprocess.Popen([sys.executable, "-m", "mfast_edge.tune", *words], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not list((tmp_path / "runs").glob("work/*/state/last*")):
        assert victim.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    half = read(Settings("mine", ("maximize", "minimize"), 0, journal))
    assert [one.state for one in half] == ["running"]
    done = door("tune", *words)
    assert done.returncode == 0, done.stderr
    found = told(tmp_path)
    assert [one["state"] for one in found["trials"]] == ["failed", "complete"]
    assert found["trials"][1]["params"] == found["trials"][0]["params"]
    assert found["trials"][1]["retried"] == found["trials"][0]["id"]
    assert min(step for step, _ in found["trials"][1]["curve"]) > 1  # the training went on from where it was
    assert "which was broken off" in (tmp_path / "runs" / "hunt" / "search.md").read_text()


def test_a_study_of_another_machine_or_question_is_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, limits={"parameters": 10})
    with pytest.raises(UserError, match="no trial of 1"):
        run(hunt(tmp_path, search=1, study="ours"))
    with pytest.raises(UserError, match="begun with a different set of data, settings and versions; name"):
        run(hunt(tmp_path, search=1, study="ours", set=("train.batch=4",)))
    monkeypatch.setattr(Workshop, "machine", "another")
    with pytest.raises(UserError, match="begun with a different machine, with which no ms compare; name"):
        run(hunt(tmp_path, search=1, study="ours"))


def test_nor_by_a_machine_that_begins_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study is there, and no trial has told of itself."""
    files(tmp_path)
    first = prepared(hunt(tmp_path, study="ours"), Terminal(True))
    study(lambda params, report: [], parse(first.trials.space.knobs), first.settings, trials=0)
    monkeypatch.setattr(Workshop, "machine", "another")
    with pytest.raises(UserError, match="'ours' was begun with a different machine"):
        run(hunt(tmp_path, study="ours"))


def test_a_dry_run_of_a_space_of_slots_needs_no_drawn_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"folders:{draw(tmp_path / 'shapes')}"
    given = asked(tmp_path / "runs", model="classifier", plan="classify", data=data, dry_run=True, json=True)
    assert run(Hunt(given, "trash", 1, None, True, None, ())) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["finished"] == 0


def test_a_folder_is_no_storage(tmp_path: Path) -> None:
    files(tmp_path)
    with pytest.raises(UserError, match=r"--storage: .*: a folder; the path of a journal file"):
        run(hunt(tmp_path, storage=str(tmp_path)))


def test_a_dry_run_tells_of_the_study_and_leaves_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files(tmp_path)
    assert run(hunt(tmp_path, dry_run=True, json=True)) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["knobs"], found["points"], found["counts"]["finished"]) == (2, None, 0)
    assert [stage["stage"] for stage in found["stages"]] == ["train"]
    assert not (tmp_path / "runs" / "hunt").exists()


@pytest.mark.parametrize(
    ("sections", "words", "said"),
    [
        ({"settings": {"prune.keep": {"type": "float", "low": 0.2, "high": 0.9}}}, [], "prune.keep: not in plan small"),
        ({"until": "quantize"}, [], "'quantize' is not a stage"),
        ({"until": "build_engine"}, [], "an engine is not searched for"),
        ({"slots": SLOTS}, ["--set", "model.network=reference"], "model.network: space space has this setting"),
        ({"proxy": {"train.imges": 4}}, [], "no setting 'imges'"),
        ({}, ["--set", "model.width=0.5"], "space space has this setting"),
        ({"reference": {"model.wdth": 4}}, [], "no setting 'wdth'"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(
    tmp_path: Path, sections: dict[str, Any], words: list[str], said: str
) -> None:
    files(tmp_path, **sections)
    given = tuple(words[1:])
    with pytest.raises(UserError) as wrong:
        run(hunt(tmp_path, set=given))
    assert said in str(wrong.value)
    assert not (tmp_path / "runs" / "hunt").exists()


def test_the_door_refuses_in_one_sentence(tmp_path: Path) -> None:
    assert "the same under settings:" in refused("tune", "--space", "quick", "--out", tmp_path)
    assert "--search" in refused(
        "compress", "--storage", "x.log", "--model", "tiny", "--plan", "tiny", "--out", tmp_path
    )


def test_a_password_is_not_written_down() -> None:
    assert hidden("postgresql://me:secret@host:5432/search") == "postgresql://me@host:5432/search"
    assert hidden("postgresql://host/search") == "postgresql://host/search"
    assert hidden("postgresql://me:p@ss@host/search?password=secret&sslmode=require") == (
        "postgresql://me@host/search?password=&sslmode=require"
    )
    assert hidden("/a/search.log") == "/a/search.log"


def test_nor_does_the_command_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tune.py", "--name", "my search", "--storage=postgresql://me:secret@host/search"])
    assert command("mfast_edge.tune") == (
        "python -m mfast_edge.tune --name 'my search' --storage=postgresql://me@host/search"
    )


def test_a_search_without_an_end_is_refused(tmp_path: Path) -> None:
    files(tmp_path)
    with pytest.raises(UserError, match="--search 40"):
        run(hunt(tmp_path, search=0))


def test_a_search_that_has_no_time_says_so(tmp_path: Path) -> None:
    files(tmp_path)
    with pytest.raises(UserError, match="there was no time"):
        run(hunt(tmp_path, search=0, hours=0.0))
    assert told(tmp_path)["trials"] == []
