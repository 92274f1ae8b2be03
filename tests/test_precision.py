"""precision.json: read as it was written, carried along, and in the way of what would make it untrue."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfast_edge import precision
from mfast_edge.candidate import Candidate
from mfast_edge.errors import UserError
from mfast_edge.precision import Precision
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.qat import Qat
from mfast_edge.store import Work

KNOWN = Precision({"a.conv": "int8"}, {"a/Clip": (0.0, 5.25)}, {"activations": "uint8", "symmetric": False})


def test_it_is_read_as_it_was_written_and_carried_along(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    precision.write(tmp_path / "one", KNOWN)
    precision.carry(tmp_path / "one", tmp_path / "two")
    precision.carry(tmp_path / "three", tmp_path / "three")
    assert precision.read(tmp_path / "two") == KNOWN
    assert precision.read(tmp_path / "three") is None


@pytest.mark.parametrize("stage", [Prune(), Qat()])
def test_a_network_trained_for_int8_is_changed_no_more(stage: Prune | Qat, tmp_path: Path) -> None:
    precision.write(tmp_path, KNOWN)
    parent = Candidate("k", "tiny", "torch", tmp_path, ())
    with pytest.raises(UserError, match=r"before qat would be right$"):
        stage.run(parent, Work(tmp_path, tmp_path), None)  # type: ignore[arg-type]


def test_another_dressing_than_the_trained_one_is_refused() -> None:
    KNOWN.suits({"activations": "uint8", "symmetric": False, "per_channel": True}, "quantize.dressing")
    with pytest.raises(UserError, match="activations is 'int8', and qat trained for 'uint8'"):
        KNOWN.suits({"activations": "int8", "symmetric": True}, "quantize.dressing")
