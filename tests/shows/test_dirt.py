"""The table of dirt: a cell for every format and kind, nothing lost without a word."""

import json
from pathlib import Path

import pytest

from mfast_edge.data.source import FORMATS as READ
from tests.shows.dirt import __main__ as show
from tests.shows.dirt.formats import FORMATS
from tests.shows.dirt.scenes import DIRT


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    path = tmp_path_factory.mktemp("dirt") / "dirt.json"
    with pytest.MonkeyPatch.context() as without:
        without.delenv("MFAST_DATA", raising=False)
        assert show.main(["--table", str(path)]) == 0
        first = path.read_bytes()
        assert show.main(["--table", str(path)]) == 0
    assert path.read_bytes() == first
    return {(row["format"], row["dirt"]): row["outcome"] for row in json.loads(first)["rows"]}


def test_every_format_meets_every_dirt_and_the_table_is_the_same_again(outcomes: dict[tuple[str, str], str]) -> None:
    assert set(FORMATS) == set(READ) - {"particles", "photos", "silver"}  # no boxes to lose, or written by ourselves
    assert set(outcomes) == {(form, dirt) for form in FORMATS for dirt in DIRT}
    assert not [told for told in outcomes.values() if told.startswith("refused")]


def test_what_is_sound_though_odd_is_read_as_it_is_written(outcomes: dict[tuple[str, str], str]) -> None:
    sound = "30 boxes on a photo", "box on the border", "boxes that touch, tiny ones", "photos of different sizes"
    for form in set(FORMATS) - {"folders"}:
        for dirt in sound:
            photos, boxes = outcomes[form, dirt].split("; ")[0].split(", ")
            assert photos.split(" of ")[0] == photos.split(" of ")[1].split()[0], (form, dirt)
            assert boxes.split(" of ")[0] == boxes.split(" of ")[1].split()[0], (form, dirt)
            assert outcomes[form, dirt].endswith("nothing to report"), (form, dirt)


def test_what_cannot_be_used_is_named(outcomes: dict[tuple[str, str], str]) -> None:
    for form in set(FORMATS) - {"folders"}:
        assert "1 lost; reported: box left out (1x" in outcomes[form, "box without an area"]
        assert (
            "1 cut to the photo; reported: box cut to the photo (1x"
            in outcomes[form, "box that sticks out of the photo"]
        )
        assert "6 of 7 photos" in outcomes[form, "annotation without photo"]
    assert "1 ignored; nothing" in outcomes["kitti", "region without labels"]
    assert (
        "7 of 7 photos; reported: both kept: one of them is wrong" in outcomes["folders", "same photo in two classes"]
    )


def test_a_loss_without_a_word_is_told_by_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MFAST_DATA", raising=False)
    monkeypatch.setattr("mfast_edge.data.check.Checker.note", lambda *given: None)
    assert show.main(["--table", str(tmp_path / "dirt.json")]) == 1
