"""The stored network that a training learns from beside the truth: named, found, checked, rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfast_edge import blueprint
from mfast_edge.candidate import Candidate, ancestor
from mfast_edge.errors import UserError
from mfast_edge.model import Known
from mfast_edge.model import find as find_model
from mfast_edge.models import MODELS

if TYPE_CHECKING:
    from mfast_edge.workshop import Workshop

FLOAT = "float"


def key(asked: str | None, parent: Candidate, root: Candidate) -> str | None:
    """The teacher's key, which is all that a child's key needs of it; `float` is what train made of `root`."""
    if asked != FLOAT:
        return asked
    found = ancestor(root, parent, "train")
    if found is None:
        raise UserError(
            "teacher: float given and nothing was trained before; the key of a stored network, or none, would be right"
        )
    return found


def find(key: str, shop: Workshop, where: str = "teacher") -> Candidate:
    """The teacher of this key. UserError where there is none, or none that could teach this run's network."""
    found = shop.store.find(key)
    if found is None:
        raise UserError(f"{where}: {key} given; the key of a network in {shop.store.root / 'store'} would be right")
    if found.form != "torch":
        raise UserError(f"{where}: {key} is a graph; the network that it was exported from would be right")
    if find_model(found.model, MODELS).decoder != shop.model.decoder:
        raise UserError(f"{where}: {key} is a {found.model}; a network whose outputs mean the same would be right")
    theirs, ours = blueprint.read(found.folder)["decode"]["classes"], shop.model.facts(shop.build)["classes"]
    if theirs != ours:
        raise UserError(f"{where}: {key} finds {', '.join(theirs)}; one that finds {', '.join(ours)} would be right")
    return found


def known(teacher: Candidate, device: str) -> Known:
    """The teacher rebuilt on `device`, in eval mode, and what decode must know of it; any model of the zoo."""
    model = find_model(teacher.model, MODELS)
    facts = model.ready(blueprint.read(teacher.folder)["decode"])
    return Known(blueprint.rebuild(teacher.folder, model).to(device), facts)
