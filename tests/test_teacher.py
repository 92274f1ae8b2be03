"""Teachers: which network a name means, and which cannot teach."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mfast_edge import teacher
from mfast_edge.candidate import Candidate, Step, child_key, start
from mfast_edge.errors import UserError
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.store import Store

ROOT = start("tiny", {"classes": ["a"]})
TRAIN, PRUNE = (Step(name, "1", {"images": 8}, 0, {}) for name in ("train", "prune"))


def child(parent: Candidate, step: Step) -> Candidate:
    return Candidate(child_key(parent, step), "tiny", "torch", Path(), (*parent.lineage, step))


def test_float_is_what_train_made_however_far_back() -> None:
    trained = child(ROOT, TRAIN)
    pruned = child(trained, PRUNE)
    assert teacher.key("float", trained, ROOT) == trained.key
    assert teacher.key("float", child(pruned, PRUNE), ROOT) == trained.key
    assert teacher.key("0" * 20, pruned, ROOT) == "0" * 20
    assert teacher.key(None, pruned, ROOT) is None


def test_a_lineage_read_from_a_card_says_the_same(tmp_path: Path) -> None:
    store, parent = Store(tmp_path), ROOT
    for step in (TRAIN, PRUNE):
        key = child_key(parent, step)
        with store.work(key) as work:
            parent = store.keep(work, parent, step, key, "torch")
    found = store.find(parent.key)
    assert found
    assert teacher.key("float", found, ROOT) == child_key(ROOT, TRAIN)


def test_before_the_first_training_there_is_no_float_network() -> None:
    with pytest.raises(UserError, match="nothing was trained before"):
        teacher.key("float", ROOT, ROOT)


def stored(store: Store, form: Any = "torch", model: str = "tiny", classes: tuple[str, ...] = ("a", "b")) -> str:
    """A candidate of which there is only what a teacher is judged by."""
    key = child_key(ROOT, TRAIN)
    parent = Candidate(ROOT.key, model, "none", Path(), ())
    with store.work(key) as work:
        (work.files / "blueprint.json").write_text(json.dumps({"decode": {"classes": classes}}))
        return store.keep(work, parent, TRAIN, key, form).key


def shop(store: Store) -> Any:
    model = find("tiny", MODELS)
    return SimpleNamespace(store=store, model=model, build=model.build(classes=("a", "b")))


def test_a_network_of_the_same_classes_is_found_whatever_its_model(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = stored(store, model="ssd_mbv1")
    assert teacher.find(key, shop(store)).key == key


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda store: "0" * 20, "given; the key of a network in"),
        (lambda store: stored(store, form="onnx"), "is a graph; the network that it was exported from"),
        (lambda store: stored(store, classes=("b", "a")), "finds b, a; one that finds a, b would be right"),
    ],
)
def test_what_cannot_teach_is_refused_in_a_sentence(make: Callable[[Store], str], told: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(UserError, match=told):
        teacher.find(make(store), shop(store))


def test_a_network_whose_outputs_mean_something_else_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    other = shop(store)
    other.model = SimpleNamespace(decoder="another/decode.py", facts=other.model.facts)
    with pytest.raises(UserError, match="is a tiny; a network whose outputs mean the same"):
        teacher.find(stored(store), other)
