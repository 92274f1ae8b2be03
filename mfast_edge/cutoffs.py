"""Thresholds as settings: a candidate with others is the same network, its blueprint telling decode otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from mfast_edge import blueprint
from mfast_edge.candidate import Step, child_key
from mfast_edge.errors import UserError
from mfast_edge.settings import Settings, canonical

if TYPE_CHECKING:
    from pathlib import Path

    from mfast_edge.candidate import Candidate
    from mfast_edge.store import Store

STAGE, VERSION = "thresholds", "1"
NAMES = {"score": "score_threshold", "iou": "iou_threshold", "detections": "detections"}  # setting → decode's fact
TOLD = ("score_threshold", "iou_threshold")  # what a graph's metadata say, too


class Cutoffs(Settings):
    """What decoding lets through: from which score on, which overlaps are one object, how many; None: as before."""

    score: Annotated[float, Field(gt=0, lt=1)] | None = None
    iou: Annotated[float, Field(gt=0, le=1)] | None = None
    detections: Annotated[int, Field(ge=1)] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The decode facts that are given."""
        return {NAMES[name]: value for name, value in self.model_dump().items() if value is not None}


def own(facts: Mapping[str, Any]) -> Cutoffs:
    """The thresholds that decode facts hold."""
    return Cutoffs(**{name: facts[fact] for name, fact in NAMES.items()})


def cut(facts: Mapping[str, Any], cutoffs: Cutoffs) -> dict[str, Any]:
    """Decode facts with these thresholds, not made ready. UserError: an IoU where nothing is suppressed."""
    if cutoffs.iou is not None and facts["iou_threshold"] is None:
        raise UserError(
            "thresholds.iou: what this model decodes are the objects, none is suppressed; score alone would be right"
        )
    return {**facts, **cutoffs.facts}


def having(store: Store, candidate: Candidate, cutoffs: Cutoffs) -> Candidate:
    """The candidate with these thresholds, made once; itself where they are its own."""
    plan = blueprint.read(candidate.folder)
    facts = cut(plan["decode"], cutoffs)
    if facts == plan["decode"]:
        return candidate
    changed = {name: facts[fact] for name, fact in NAMES.items() if facts[fact] != plan["decode"][fact]}
    step = Step(STAGE, VERSION, changed, candidate.lineage[0].seed, {})
    key = child_key(candidate, step)
    if found := store.find(key):
        return found
    with store.work(key) as work:
        for file in (one for one in candidate.folder.iterdir() if one.is_file() and one.name != "card.json"):
            shutil.copyfile(file, work.files / file.name)
        blueprint.write(work.files, {**plan, "decode": facts})
        for file in work.files.glob("*.onnx"):
            retold(file, facts)
        return store.keep(work, candidate, step, key, candidate.form)


def retold(graph: Path, facts: Mapping[str, Any]) -> None:
    """The file says itself what its decode facts say."""
    from export.told import retell

    retell(graph, graph, {name: canonical(facts[name]) for name in TOLD})
