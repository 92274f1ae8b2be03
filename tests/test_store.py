"""The store: finished folders, locks, whole files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfast_edge.candidate import Step, child_key, start
from mfast_edge.errors import Unfinished
from mfast_edge.store import Store, read_json, write_json

STEP = Step("train", "1", {"images": 8}, 0, {"data": "abc"})


def made(store: Store, text: str = "w") -> str:
    parent = start("tiny", {"classes": ["a"]})
    key = child_key(parent, STEP)
    with store.work(key) as work:
        (work.files / "weights.safetensors").write_text(text)
        store.keep(work, parent, STEP, key, "torch")
    return key


def test_a_kept_folder_is_found_with_its_lineage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = made(store)
    found = store.find(key)
    assert found is not None
    assert found.form == "torch"
    assert found.lineage == (STEP,)
    assert not (tmp_path / "work" / key).exists()


def test_a_folder_without_a_card_is_not_finished(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = made(store)
    (store.folder(key) / "card.json").unlink()
    assert store.find(key) is None


def test_files_start_empty_and_state_stays_after_a_kill(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.work("k") as work:
        (work.files / "half").write_text("x")
        (work.state / "last").write_text("y")
    with store.work("k") as work:
        assert list(work.files.iterdir()) == []
        assert (work.state / "last").read_text() == "y"


def test_two_processes_cannot_make_the_same_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.work("k"), pytest.raises(Unfinished, match="another process"), store.work("k"):
        pass


def test_the_key_depends_on_settings_seed_data_and_model() -> None:
    parent = start("tiny", {"size": 96})
    others = [
        child_key(start("tiny", {"size": 97}), STEP),
        child_key(parent, Step("train", "2", STEP.settings, 0, STEP.reads)),
        child_key(parent, Step("train", "1", {"images": 9}, 0, STEP.reads)),
        child_key(parent, Step("train", "1", STEP.settings, 1, STEP.reads)),
        child_key(parent, Step("train", "1", STEP.settings, 0, {"data": "abd"})),
    ]
    assert len({child_key(parent, STEP), *others}) == 6


def test_a_card_holds_the_digest_of_every_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    card = json.loads((store.folder(made(store, "abc")) / "card.json").read_text())
    assert card["files"] == {"weights.safetensors": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert read_json(tmp_path / "a.json") == {"x": 1}
    assert read_json(tmp_path / "b.json") is None


def test_what_is_discarded_leaves_nothing_unless_somebody_is_at_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.work("half") as work:
        (work.state / "last").write_text("x")
        store.discard("half")
        assert (work.state / "last").is_file()
    store.discard("half")
    store.discard("never begun")
    assert list((tmp_path / "work").iterdir()) == []
