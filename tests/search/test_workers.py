"""Several processes at one study, one of them killed: in a journal file and in a real PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.space import parse
from search.study import Settings, StudyError, read, run
from tests.search.postgres import postgres

SPACE = parse(
    {
        "model.kind": {"type": "categorical", "choices": ["small", "large"]},
        "model.width": {"type": "int", "low": 1, "high": 500, "when": {"model.kind": ["large"]}},
        "train.lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    }
)
ROOT = Path(__file__).parents[2]
WORKER = """
import sys
from tests.search.test_workers import work
work(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An empty PostgreSQL, the same for all tests: each has a study of its own."""
    with postgres() as url:
        yield url


@pytest.fixture(params=["journal", "postgres"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A study with two objectives in a place that processes can share."""
    place = str(tmp_path / "log") if request.param == "journal" else request.getfixturevalue("server")
    return study(place, request.node.name)


def study(place: str, name: str) -> Settings:
    return Settings(name, ("maximize", "minimize"), 0, place, pruner="asha", steps=4, heartbeat=1)


def work(place: str, name: str, trials: int, deadly: int) -> None:
    """One worker: tells what it begins, what it ends and what it returns; is killed in its trial number `deadly`."""
    begun = 0

    def answer(params, report):
        nonlocal begun
        begun += 1
        if begun == 1:  # nobody goes on before everybody has a trial
            print("ready", flush=True)
            sys.stdin.readline()
        print(json.dumps({"begun": params}), flush=True)
        if begun == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        for step in range(1, 5):
            report(step, params["train.lr"] * step)
            time.sleep(0.02)
        print(json.dumps({"ended": params}), flush=True)
        return params["train.lr"], params.get("model.width", 0)

    done = run(answer, SPACE, study(place, name), trials=trials)
    print(json.dumps({"returned": len(done)}), flush=True)


def workers(settings: Settings, trials: int, *deadly: int) -> list[tuple[int, list[dict]]]:
    """Exit code and what each of some workers, begun together, told."""
    command = [sys.executable, "-c", WORKER, str(settings.storage), settings.name, str(trials)]
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    begun = [subprocess.Popen([*command, str(when)], cwd=ROOT, **pipe) for when in deadly]
    for worker in begun:
        assert worker.stdout.readline() == "ready\n"
    for worker in begun:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [worker.communicate(timeout=90)[0] for worker in begun]
    codes = [worker.returncode for worker in begun]
    return [(code, list(map(json.loads, lines.splitlines()))) for code, lines in zip(codes, told, strict=True)]


def test_workers_share_a_study_and_none_does_too_much(asked: Settings) -> None:
    ran = workers(asked, 12, 0, 0, 0)
    assert [code for code, _ in ran] == [0, 0, 0]
    assert [lines[-1] for _, lines in ran] == [{"returned": 12}] * 3
    begun = [json.dumps(line["begun"]) for _, lines in ran for line in lines if "begun" in line]
    assert len(begun) == len(set(begun)) == 12
    done = read(asked)
    assert [trial.number for trial in done] == list(range(12))
    assert {trial.state for trial in done} <= {"complete", "pruned"}
    assert 1 <= len({trial.worker for trial in done}) <= 3


def test_a_killed_worker_s_settings_are_tried_again_by_another_and_nothing_is_lost(asked: Settings) -> None:
    ran = workers(asked, 12, 2, 0)
    assert sorted(code for code, _ in ran) == [-signal.SIGKILL, 0]
    done = read(asked)
    finished = [trial for trial in done if trial.number is not None]
    assert len(finished) == 12
    assert len({json.dumps(dict(trial.params)) for trial in finished}) == 12
    (dead,) = [trial for trial in done if trial.state == "failed"]
    (again,) = [trial for trial in done if trial.retried is not None]
    assert (again.retried, again.params) == (dead.id, dead.params)
    assert again.worker != dead.worker
    begun = Counter(json.dumps(line["begun"]) for _, lines in ran for line in lines if "begun" in line)
    assert [json.loads(params) for params, count in begun.items() if count == 2] == [dict(dead.params)]
    assert run(never, SPACE, asked, trials=12) == finished


def never(params, report):
    pytest.fail("asked again")


def test_two_killed_at_once_leave_a_study_that_one_finishes(asked: Settings) -> None:
    ran = workers(asked, 8, 1, 1)
    assert [code for code, _ in ran] == [-signal.SIGKILL, -signal.SIGKILL]
    ran = workers(asked, 8, 0)
    assert ran[0][1][-1] == {"returned": 8}
    done = read(asked)
    dead = {trial.id for trial in done if trial.state == "failed"}
    assert len(dead) == 2
    assert {trial.retried for trial in done if trial.number is not None} - {None} == dead


def test_a_study_in_a_database_is_the_one_in_a_journal(server: str, tmp_path: Path) -> None:
    def answer(params, report):
        report(1, params["train.lr"])
        return params["train.lr"], params.get("model.width", 0)

    one, other = study(server, "same"), study(str(tmp_path / "log"), "same")
    done = run(answer, SPACE, one, trials=14)
    assert done == run(answer, SPACE, other, trials=14)
    with pytest.raises(StudyError, match=r"127.0.0.1:\d+/postgres: the study 'same' was begun with a different seed"):
        run(answer, SPACE, Settings("same", one.directions, 1, server, pruner="asha"), trials=14)


def test_what_a_study_s_objective_breaks_off_is_tried_again_at_once(asked: Settings) -> None:
    class Broken(Exception):
        pass

    def breaks(params, report):
        raise Broken

    with pytest.raises(Broken):
        run(breaks, SPACE, asked, trials=1)
    failed, done = [*read(asked), *run(lambda params, report: (1, 2), SPACE, asked, trials=1)]
    assert (failed.state, failed.number, done.number, done.params) == ("failed", None, 0, failed.params)
