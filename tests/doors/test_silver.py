"""silver: photos labelled by a run, kept apart, and judged by trainings with and without them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfast_edge.data.index import read
from mfast_edge.store import Store
from tests.doors.doors import door, folder, refused

LOW = ("--score", "0.03", "--agree", "0.3", "--doubt", "0.02")
JUDGED = ("--judge", "--set", "train.images=40", "--json")


@pytest.fixture(scope="module")
def made(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the door says of silver from photos of which most are the run's own, and where it lies."""
    place = tmp_path_factory.mktemp("made") / "silver"
    done = door("silver", folder(finished), "--data", "particles:66x96", "--to", place, *LOW, *JUDGED)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), place


def test_only_photos_that_the_run_does_not_have_are_labelled(made: tuple[dict[str, Any], Path], finished: Path) -> None:
    told, place = made
    assert (told["own"], told["of"]) == (60, 6)
    assert 0 < told["photos"] <= 6
    marker = json.loads((place / "silver.json").read_text())
    final = json.loads((folder(finished) / "final.json").read_text())
    assert marker["by"]["key"] == final["key"]
    assert marker["rules"] == {"score": 0.03, "agree": 0.3, "doubt": 0.02, "boxes": 1}
    assert len(marker["sha256"]) == told["photos"]


def test_both_trainings_differ_in_their_photos_alone(made: tuple[dict[str, Any], Path], finished: Path) -> None:
    judged = made[0]["judge"]
    store = Store(finished)
    gold, silver = (store.find(key) for key in judged["keys"][0])
    assert gold
    assert silver
    assert gold.lineage[0].settings == silver.lineage[0].settings
    assert gold.lineage[0].settings["images"] == 40
    assert gold.lineage[0].reads["data"] != silver.lineage[0].reads["data"]
    assert judged["photos"][1] == judged["photos"][0] + made[0]["photos"]
    assert read(judged["data"], cache=finished / "data").digest == silver.lineage[0].reads["data"]


def test_it_is_kept_only_where_the_gain_is_sure(made: tuple[dict[str, Any], Path]) -> None:
    judged = made[0]["judge"]
    assert judged["keep"] is (judged["gained"]["low"] > 0)
    assert judged["sentence"].startswith("kept: " if judged["keep"] else "rolled back: ")
    assert json.loads((made[1] / "judged.json").read_text()) == judged


def test_the_same_again_finds_all_of_it_done(made: tuple[dict[str, Any], Path], finished: Path) -> None:
    words = ("silver", folder(finished), "--data", "particles:66x96", "--to", made[1])
    again = door(*words, *LOW, *JUDGED)
    assert json.loads(again.stdout) == made[0]
    assert "epoch" not in again.stderr
    assert "there is something already" in refused(*words, "--score", "0.04", "--agree", "0.3")


def test_photos_that_are_all_the_run_s_own_and_wrong_weights_are_refused(finished: Path, tmp_path: Path) -> None:
    words = ("silver", folder(finished), "--to", tmp_path / "s")
    assert "one of the run's own" in refused(*words, "--data", "particles:30x96")
    assert "--set: prune.keep given" in refused(*words, "--data", "particles:66x96", "--judge", "--set", "prune.keep=1")


@pytest.mark.parametrize(
    ("idle", "said"),
    [(("--seeds", 2), "--judge beside it"), (("--beside", "there", "--agree", 0), "--agree 0 looks once only")],
)
def test_an_option_that_would_do_nothing_is_refused(
    finished: Path, tmp_path: Path, idle: tuple[object, ...], said: str
) -> None:
    assert said in refused("silver", folder(finished), "--data", "particles:66x96", "--to", tmp_path / "s", *idle)
