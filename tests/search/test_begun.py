"""Studies that cannot be begun, read or gone on with, as asked."""

import dataclasses

import pytest

from search.space import parse
from search.study import StudyError, read, run
from tests.search.studies import SPACE, objective, settings, single


@pytest.mark.parametrize(
    ("changes", "odd"),
    [
        ({"seed": 1}, "different seed"),
        ({"directions": ("minimize", "minimize")}, "different directions"),
    ],
)
def test_a_journal_of_another_search_is_refused(tmp_path, changes, odd):
    run(objective, SPACE, settings(tmp_path), trials=1)
    with pytest.raises(StudyError, match=odd):
        run(objective, SPACE, dataclasses.replace(settings(tmp_path), **changes), trials=2)


def test_what_a_study_is_about_must_be_the_same_where_it_is_known(tmp_path):
    def about(**told):
        return dataclasses.replace(settings(tmp_path), about=told)

    run(objective, SPACE, about(machine="this"), trials=0)
    with pytest.raises(StudyError, match="begun with a different machine;"):
        run(objective, SPACE, about(machine="that"), trials=1)
    assert len(run(objective, SPACE, about(machine="this", data="more"), trials=1)) == 1
    with pytest.raises(StudyError, match="begun with a different machine;"):
        read(about(machine="that"))


def test_a_journal_of_another_space_is_refused_and_a_new_name_is_not(tmp_path):
    other = parse({"lr": {"type": "float", "low": 0, "high": 1}})
    run(objective, SPACE, settings(tmp_path), trials=1)
    with pytest.raises(StudyError, match="different space"):
        run(lambda params, report: [1, 1], other, settings(tmp_path), trials=2)
    assert len(run(lambda params, report: [1, 1], other, settings(tmp_path, name="other"), trials=2)) == 2


@pytest.mark.parametrize("directions", [(), ("down",)])
def test_unknown_directions_are_refused(tmp_path, directions):
    with pytest.raises(StudyError, match="wanted minimize or maximize"):
        run(single, SPACE, settings(tmp_path, directions), trials=1)


@pytest.mark.parametrize("text", ["not a journal\nat all\n", '{"op_code": 99}\n', "[1]\n"])
def test_a_file_that_is_no_journal_is_refused(tmp_path, text):
    settings(tmp_path).storage.write_text(text)
    with pytest.raises(StudyError, match="not the journal of a search"):
        run(objective, SPACE, settings(tmp_path), trials=1)
