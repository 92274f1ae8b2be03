import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search.space import parse
from search.study import Rejected, Settings, StudyError, read, run
from tests.search.studies import SPACE, TRIALS, StopError, objective, settings, single, stopping


@pytest.mark.parametrize(("body", "directions"), [(objective, ("maximize", "minimize")), (single, ("minimize",))])
def test_a_search_interrupted_anywhere_proposes_what_an_undisturbed_one_does(tmp_path, body, directions):
    whole = run(body, SPACE, settings(tmp_path / "whole", directions), trials=TRIALS)
    assert len(whole) == TRIALS
    for after in range(TRIALS):
        cut = settings(tmp_path / str(after), directions)
        with pytest.raises(StopError):
            run(stopping(after, body), SPACE, cut, trials=TRIALS)
        assert run(body, SPACE, cut, trials=TRIALS) == whole


def test_a_search_in_small_portions_is_the_search_in_one(tmp_path):
    whole = run(objective, SPACE, settings(tmp_path / "whole"), trials=TRIALS)
    for count in range(TRIALS + 1):
        part = run(objective, SPACE, settings(tmp_path / "parts"), trials=count)
        assert part == whole[:count]


def test_the_sampler_learns_and_the_seed_decides(tmp_path):
    def answer(params, report):
        return [params["train.lr"]]

    one, two = (run(answer, SPACE, settings(tmp_path / str(s), ("minimize",), s), trials=30) for s in (0, 1))
    assert [t.params for t in one] != [t.params for t in two]
    early, late = ([t.values[0] for t in part] for part in (one[:10], one[20:]))
    assert sorted(late)[5] < sorted(early)[5]


def test_a_repeated_command_does_nothing_more(tmp_path):
    done = run(objective, SPACE, settings(tmp_path), trials=5)
    before = settings(tmp_path).storage.read_bytes()

    def never(params, report):
        pytest.fail("asked again")

    assert run(never, SPACE, settings(tmp_path), trials=5) == done
    assert run(never, SPACE, settings(tmp_path), trials=3) == done
    assert settings(tmp_path).storage.read_bytes() == before


def test_a_rejected_trial_is_finished_without_values(tmp_path):
    def reject(params, report):
        raise Rejected

    done = run(reject, SPACE, settings(tmp_path), trials=3)
    assert [(t.number, t.values, t.state) for t in done] == [(i, (), "rejected") for i in range(3)]


def test_the_settings_of_a_broken_off_trial_are_tried_again(tmp_path):
    seen = []

    def fail(params, report):
        seen.append(params)
        raise StopError

    with pytest.raises(StopError):
        run(fail, SPACE, settings(tmp_path), trials=1)

    def answer(params, report):
        seen.append(params)
        return [1.0, 2.0]

    (trial,) = run(answer, SPACE, settings(tmp_path), trials=1)
    assert seen[0] == seen[1] == trial.params
    assert '"fixed_params":' in settings(tmp_path).storage.read_text()


KILLED = """
import os, sys
from pathlib import Path
from tests.search.test_study import SPACE, objective, settings, run
def answer(params, report, calls=[]):
    calls.append(params)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    return objective(params, report)
run(answer, SPACE, settings(Path(sys.argv[1])), trials=16)
"""


def test_a_killed_process_leaves_a_search_that_goes_on(tmp_path):
    whole = run(objective, SPACE, settings(tmp_path / "whole"), trials=TRIALS)
    cut = settings(tmp_path / "cut")
    for calls in ("4", "9"):  # the second process begins with the trial that the first one died in
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path / "cut"), calls],
            env={**os.environ, "PYTHONHASHSEED": calls},
            cwd=Path(__file__).parents[2],
        )
        assert done.returncode == -signal.SIGKILL
    assert run(objective, SPACE, cut, trials=TRIALS) == whole


DEADLY = """
import os, sys
from pathlib import Path
from tests.search.test_study import SPACE, objective, settings, run
def answer(params, report):
    if params["train.lr"] == 0.001:
        os.kill(os.getpid(), 9)
    return objective(params, report)
def search():
    asked = settings(Path(sys.argv[1]))
    object.__setattr__(asked, "first", {"train.lr": 0.001, "train.width": 64, "prune.keep": 0.5})
    return run(answer, SPACE, asked, trials=3)
for _ in range(3):
    if (child := os.fork()) == 0:
        search()
    assert os.waitpid(child, 0)[1] == 9
assert len(search()) == 3
"""


def test_what_workers_die_of_again_and_again_is_rejected(tmp_path):
    subprocess.run([sys.executable, "-c", DEADLY, str(tmp_path)], check=True, cwd=Path(__file__).parents[2])
    found = read(settings(tmp_path))
    assert [one.state for one in found][:4] == ["failed", "failed", "failed", "rejected"]
    assert found[3].why == "3 workers died of it"
    assert found[3].params == found[0].params
    assert found[3].retried == found[2].id
    assert [one.number for one in found[3:]] == [0, 1, 2]


def test_what_was_broken_off_is_tried_again_however_often(tmp_path):
    for _ in range(5):
        with pytest.raises(StopError):
            run(stopping(0, objective), SPACE, settings(tmp_path), trials=1)
    assert len(run(objective, SPACE, settings(tmp_path), trials=1)) == 1
    assert len({tuple(one.params.items()) for one in read(settings(tmp_path))}) == 1


def test_a_last_line_cut_short_is_mended(tmp_path):
    whole = run(objective, SPACE, settings(tmp_path / "whole"), trials=6)
    cut = settings(tmp_path / "cut")
    run(objective, SPACE, cut, trials=4)
    text = cut.storage.read_bytes()
    for end in (len(text) - 1, len(text) - 9):
        cut.storage.write_bytes(text[:end])
        assert run(objective, SPACE, cut, trials=6) == whole


def test_a_search_cut_anywhere_in_its_journal_goes_on(tmp_path):
    whole = run(single, SPACE, settings(tmp_path / "whole", ("minimize",)), trials=4)
    lines = settings(tmp_path / "whole").storage.read_bytes().splitlines(keepends=True)
    for count in range(len(lines)):
        cut = settings(tmp_path / str(count), ("minimize",))
        cut.storage.parent.mkdir()
        cut.storage.write_bytes(b"".join(lines[:count]))
        assert run(single, SPACE, cut, trials=4) == whole


def test_the_order_of_a_space_changes_nothing(tmp_path):
    turned = dict(reversed(list(SPACE.items())))
    whole = run(objective, SPACE, settings(tmp_path / "a"), trials=3)
    assert run(objective, turned, settings(tmp_path / "b"), trials=3) == whole
    assert run(objective, turned, settings(tmp_path / "a"), trials=3) == whole


@pytest.mark.parametrize("answer", [[1.0], [1.0, float("nan")], [1.0, float("inf")], []])
def test_an_answer_that_does_not_fit_is_refused_and_the_trial_repeated(tmp_path, answer):
    with pytest.raises(StudyError, match="finite number"):
        run(lambda params, report: answer, SPACE, settings(tmp_path), trials=1)
    assert len(run(lambda params, report: [1, 2], SPACE, settings(tmp_path), trials=1)) == 1


def test_a_search_says_nothing_on_the_terminal(tmp_path, capfd):
    run(objective, SPACE, settings(tmp_path), trials=12)
    assert capfd.readouterr() == ("", "")


def test_a_search_ends_when_it_is_told_to(tmp_path):
    settings = Settings("one", ("minimize",), 3, tmp_path / "log")
    answers = iter([False, False, True])
    assert len(run(single, SPACE, settings, trials=None, stop=lambda: next(answers))) == 2
    assert len(run(single, SPACE, settings, trials=2, stop=lambda: False)) == 2


def test_the_first_trial_is_the_one_asked_for_where_the_space_holds_it(tmp_path):
    first = {"prune.keep": 0.35, "train.width": 7, "train.schedule": "flat", "train.lr": 50.0}
    settings = Settings("one", ("minimize",), 3, tmp_path / "log", first)
    done = run(lambda params, report: [1.0], SPACE, settings, trials=2)
    asked = {name: done[0].params[name] for name in ("prune.keep", "train.width", "train.schedule")}
    assert asked == {"prune.keep": 0.35, "train.width": 7, "train.schedule": "flat"}
    assert done[0].params["train.lr"] <= 1.0
    assert done[1].params != done[0].params


FEW = parse(
    {
        "prune.keep": {"type": "float", "low": 0.2, "high": 0.95, "step": 0.05},
        "quantize.method": {"type": "categorical", "choices": ["minmax", "percentile"]},
    }
)


def test_nothing_is_tried_twice_and_a_space_that_can_be_counted_ends(tmp_path):
    asked = []

    def answer(params, report):
        asked.append(params)
        return [params["prune.keep"]]  # the sampler soon proposes the least again and again

    cut = settings(tmp_path / "cut", ("minimize",))
    done = run(answer, FEW, settings(tmp_path / "whole", ("minimize",)), trials=None)
    assert len({tuple(params.values()) for params in asked}) == len(asked) == len(done) == 32
    for after in (9, 9, 9):  # dies in the middle of the tenth trial of each process
        with pytest.raises(StopError):
            run(stopping(after, single_keep), FEW, cut, trials=None)
    assert run(single_keep, FEW, cut, trials=None) == done


def single_keep(params, report):
    return [params["prune.keep"]]


def test_numbers_of_a_stepped_range_are_as_written(tmp_path):
    done = run(single_keep, FEW, settings(tmp_path, ("minimize",)), trials=None)
    assert {trial.params["prune.keep"] for trial in done} == {round(0.2 + 0.05 * step, 2) for step in range(16)}
