"""Which URLs are databases that can be searched in. What they do is tested with the workers."""

import pytest
from optuna.exceptions import StorageInternalError

import search.database
from search.database import Database, address
from search.space import parse
from search.study import Settings, StudyError, read, run

SPACE = parse({"a": {"type": "float", "low": 0, "high": 1}})


@pytest.mark.parametrize("url", ["postgresql://me:secret@host:5433/name", "postgres://me:secret@host:5433/name"])
@pytest.mark.parametrize(("here", "driver"), [(("psycopg", "psycopg2"), "psycopg"), (("psycopg2",), "psycopg2")])
def test_a_url_gets_a_driver_that_is_here(monkeypatch, url, here, driver):
    monkeypatch.setattr(search.database, "find_spec", lambda name: name in here)
    wanted = f"postgresql+{driver}://me:secret@host:5433/name"
    assert address(url).render_as_string(hide_password=False) == wanted


def test_a_named_driver_stays(monkeypatch):
    monkeypatch.setattr(search.database, "find_spec", lambda name: True)
    assert address("postgresql+psycopg2://host/name").drivername == "postgresql+psycopg2"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:///here.db", "sqlite://… is not searched in; wanted a journal file or postgresql://"),
        ("mysql://host/name", "mysql://… is not searched in"),
        (
            "postgresql://me:secret@host:port/name",
            "storage: 'host:port/name' is no URL; wanted postgresql://user:password@host/database",
        ),
    ],
)
def test_a_url_that_is_no_postgresql_is_refused(url, sentence):
    with pytest.raises(StudyError, match=sentence):
        run(lambda params, report: [1], SPACE, Settings("s", ("minimize",), 0, url), trials=1)


def test_a_driver_that_is_missing_is_named_without_the_password(monkeypatch):
    monkeypatch.setattr(search.database, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"^postgresql://host/name: no driver; pip install 'psycopg\[binary\]'"):
        address("postgresql://me:secret@host/name")


def test_a_database_that_does_not_answer_is_told_in_a_sentence():
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL")
    place = Settings("s", ("minimize",), 0, "postgresql://me:secret@127.0.0.1:1/name")
    for ask in (read, lambda place: run(lambda params, report: [1], SPACE, place, trials=1)):
        with pytest.raises(StudyError, match=r"^postgresql://127.0.0.1:1/name: .*refused") as caught:
            ask(place)
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_database_lost_on_the_way_is_told_in_a_sentence():
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL")
    place = Database("postgresql://me:secret@127.0.0.1:1/name", "s", 1)
    with pytest.raises(StudyError, match=r"^postgresql://127.0.0.1:1/name: lost on the way \(gone\)"), place.joined():
        raise StorageInternalError("gone")
