"""What compress asks before it trains: stopped where the board would refuse, once, and cheap when asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from export.errors import ExportError
from export.finding import Finding
from mfast_edge import diagnosis, plan
from mfast_edge.data.index import read
from mfast_edge.errors import UserError
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.run import run
from mfast_edge.store import Store
from mfast_edge.target import find as find_target
from mfast_edge.workshop import Workshop
from tests.conftest import asked


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    data, model = read("particles:12x96", cache=tmp_path / "data"), find("tiny", MODELS)
    build = model.build(classes=data.classes)
    return Workshop(model, build, data, find_target("jetson_orin_nano"), Store(tmp_path), 0, "cpu", None, print)


def test_the_graphs_are_those_of_the_plan_and_leave_nothing_behind(shop: Workshop) -> None:
    tiny = plan.read("tiny", shop.target, {})
    assert [name for name, _ in diagnosis.graphic(tiny, shop.target)] == ["export_onnx", "quantize"]
    assert diagnosis.tried(shop, tiny) == []
    assert not (shop.store.root / "store").exists()
    bare = replace(tiny, stages=tiny.stages[:2])
    assert [name for name, _ in diagnosis.graphic(bare, shop.target)] == ["export_onnx"]


def test_the_same_question_is_asked_once(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, times = plan.read("tiny", shop.target, {}), list[int]()
    found = [Finding("a", "b", "c", "d", True)]
    monkeypatch.setattr(diagnosis, "tried", lambda *_: times.append(1) or found)
    assert diagnosis.foretold(shop, tiny) == diagnosis.foretold(shop, tiny) == found
    assert len(times) == 1
    for other in (plan.read("tiny", shop.target, {"export_onnx.opset": 12}), plan.read("tiny", shop.target, {})):
        diagnosis.foretold(shop, other)
    assert len(times) == 2
    nano = replace(shop, target=find_target("jetson"))
    diagnosis.foretold(nano, plan.read("tiny", nano.target, {}))
    assert len(times) == 3


def test_an_export_that_fails_is_a_finding_too(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ExportError("n: a TopK is left in the graph; select after it")

    monkeypatch.setattr(diagnosis, "graphs", fail)
    (found,) = diagnosis.tried(shop, plan.read("tiny", shop.target, {}))
    assert (found.rule, found.instead) == ("n: a TopK is left in the graph", "select after it")


def test_compress_stops_before_training_where_the_board_would_refuse(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--target jetson: .* opset 14, 13 at most; .*mfast_edge\.doctor") as wrong:
        run(asked(tmp_path, target="jetson", set=("export_onnx.opset=14",)))
    assert str(wrong.value).count("\n") == 0
    assert not (tmp_path / "store").exists()
    (told,) = (tmp_path / "doctor").glob("*.json")
    assert json.loads(told.read_text())[0]["risk"] is False


def test_a_dry_run_asks_no_doctor(tmp_path: Path) -> None:
    assert run(asked(tmp_path, target="jetson", set=("export_onnx.opset=14",), dry_run=True)) == 0
    assert not (tmp_path / "doctor").exists()


def test_risks_are_told_and_stop_nothing(shop: Workshop) -> None:
    risk = Finding("graph", "building takes about 9 GB", "s", "swap", True)
    assert diagnosis.refused([risk], shop) is None
    said = diagnosis.refused([risk, replace(risk, risk=False), replace(risk, node="b", risk=False)], shop)
    assert said is not None
    assert "graph: building takes" in said
    assert "(and 1 more)" in said
    assert "--model tiny tells all" in said
    asked = replace(shop, model=find("mobilenetv2", MODELS))
    said = diagnosis.refused([replace(risk, risk=False)], asked)
    assert said is not None
    assert "--model mobilenetv2 tells all" in said
