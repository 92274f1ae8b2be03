"""What may vary in a plan, without a search."""

from pathlib import Path

from mfast_edge import plan as plans
from mfast_edge.models.centernet.detector import MODEL as ANCHORLESS
from mfast_edge.models.ssd.tiny import MODEL
from mfast_edge.target import find
from mfast_edge.tuner import space_of

X86 = find("x86")


def test_a_plan_of_one_s_own_is_searched_as_the_shipped_one_of_its_kind(tmp_path: Path) -> None:
    for joint in (True, False):
        mine = tmp_path / "mine.yaml"
        mine.write_text(f"joint: {str(joint).lower()}\nstages: [train, refit, prune, export_onnx, quantize]\n")
        assert ("refit.size" in space_of(plans.read(str(mine), X86, {}), MODEL)) is joint


def test_a_model_without_anchors_is_not_searched_for_any() -> None:
    plan = plans.read("full", X86, {})
    gone = set(space_of(plan, MODEL)) - set(space_of(plan, ANCHORLESS))
    assert gone == {"refit.anchors", "refit.share"}
