"""Workers of a search: they end, die and are interrupted; none is left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mfast_edge import workers
from mfast_edge.errors import Unfinished


def hands(monkeypatch: pytest.MonkeyPatch, *codes: str) -> list[subprocess.Popen[bytes]]:
    """Workers that run these lines of Python instead."""
    made: list[subprocess.Popen[bytes]] = []

    def hand(number: int, words: object, told: Path) -> subprocess.Popen[bytes]:
        with told.open("wb") as stream:
            made.append(subprocess.Popen([sys.executable, "-c", codes[number]], stderr=stream))
        return made[-1]

    monkeypatch.setattr(workers, "hand", hand)
    monkeypatch.setattr(workers, "LOOK", 0.05)
    return made


def test_one_that_dies_is_told_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hands(monkeypatch, "import os; os.kill(os.getpid(), 9)", "import time; time.sleep(1)")
    looks, lines = list[int](), list[str]()
    workers.toil(2, [], tmp_path / "run", lambda: looks.append(1), lines.append)
    assert looks
    assert lines == ["worker 0 ended with exit code -9; the others go on"]


def test_the_longer_a_look_takes_the_fewer_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hands(monkeypatch, "import time; time.sleep(1)")
    looks = list[int]()

    def look() -> None:
        looks.append(1)
        time.sleep(0.2)

    workers.toil(1, [], tmp_path, look, lambda _: None)
    assert len(looks) == 1


def test_where_all_die_the_first_one_s_last_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hands(monkeypatch, "raise SystemExit('mfast-edge: no memory')", "raise SystemExit(3)")
    with pytest.raises(Unfinished, match="none of 2 ended well; the first said: mfast-edge: no memory"):
        workers.toil(2, [], tmp_path, lambda: None, lambda _: None)


def test_interrupted_it_leaves_no_worker_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hands(monkeypatch, "import time; time.sleep(100)", "import time; time.sleep(100)")

    def look() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workers.toil(2, [], tmp_path, look, lambda _: None)
    assert [one.returncode for one in made] == [-15, -15]


def test_a_worker_is_the_same_command_of_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, env, **_: seen.append((words, env["OMP_NUM_THREADS"])))
    workers.hand(3, ["--space", "trash"], tmp_path / "log")
    assert seen == [([sys.executable, "-m", "mfast_edge.tune", "--space", "trash", "--place", "3"], "1")]
