"""Is silver worth having? The same training with and without it, on as many images, compared on gold val."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge import blueprint
from mfast_edge import target as targets
from mfast_edge.candidate import file_digest
from mfast_edge.contrast import Json, Side, gained, mean
from mfast_edge.errors import UserError
from mfast_edge.opened import Opened, surroundings
from mfast_edge.pipeline import make
from mfast_edge.settings import check
from mfast_edge.stages.train import Train
from mfast_edge.verdict import said

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.store import Store
    from mfast_edge.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Terms:
    """How both are trained: as the run's float network was, but for `settings` of train; seeds in a row."""

    init: Path | None = None
    settings: Mapping[str, Any] | None = None
    seeds: int = 1


def weigh(source: Opened, folder: Path, terms: Terms) -> Json:
    """The verdict as JSON: kept only where the paired interval of what val gains lies above 0.

    The training without silver is the run's own where nothing was changed. UserError: weights that the run did not
    begin from, or silver of other classes.
    """
    first = trained(source.candidate, surroundings(source, target := target_of(source)).store)
    step = first.lineage[0]
    stage = check(Train, {**step.settings, **(terms.settings or {})}, "train").fitted(target)
    own = source.page["data"]["spec"]
    pair = [furnished(source, first, spec, terms.init) for spec in (own, f"{own}+silver:{folder.resolve()}")]
    same(*pair)
    sides = [[made(stage, shop, shop.seed + nth) for shop in pair] for nth in range(terms.seeds)]
    each = [gained(base, other, "val") for base, other in sides]
    found = mean(each)
    keep = found["low"] > 0
    points = f"{found['points']:.2f} points gained on val [{found['low']:.2f}, {found['high']:.2f}]"
    apiece = ", ".join(f"{one['points']:.2f}" for one in each)
    over = f" over {terms.seeds} seeds ({apiece})" if terms.seeds > 1 else ""
    why = "" if keep else "; what is kept must lie above 0"
    return {
        "keep": keep,
        "sentence": f"{said(keep)}: {points}{over} with the same {stage.images} images seen{why}",
        "gained": found,
        "each": each,
        "run": source.candidate.key,
        "keys": [[side.candidate.key for side in pairs] for pairs in sides],
        "gold": figures([base for base, _ in sides]),
        "silver": figures([other for _, other in sides]),
        "photos": [len(shop.data.splits["train"]) for shop in pair],
        "settings": stage.model_dump(mode="json"),
        "data": pair[1].data.spec,
    }


def target_of(source: Opened) -> Any:
    """The run's target."""
    return targets.find(source.final.get("target", "x86"))


def trained(candidate: Candidate, store: Store) -> Candidate:
    """The network that training made, before anything else was done to it."""
    while len(candidate.lineage) > 1:
        candidate = store.parent(candidate)
    return candidate


def furnished(source: Opened, first: Candidate, spec: str, init: Path | None) -> Workshop:
    """What the first network was trained in, on the data of `spec`. UserError: other weights than its own."""
    shop = surroundings(source, target_of(source), spec)
    began = first.lineage[0].reads.get("init")
    if began != (file_digest(init) if init else None):
        right = "the file that it began from" if began else "no weights"
        raise UserError(f"--init: {init or 'no weights'} given, and the run began otherwise; {right} would be right")
    build = check(shop.model.build, blueprint.read(first.folder)["build"], "model")
    return replace(shop, build=build, init=init)


def same(gold: Workshop, both: Workshop) -> None:
    """Measured on the very same photos and classes, which silver never touches."""
    photos = [[record.sha256 for record in shop.data.splits[part]] for part in ("val", "test") for shop in (gold, both)]
    assert photos[0] == photos[1], "silver came into val"
    assert photos[2] == photos[3], "silver came into test"
    if gold.data.classes != both.data.classes:
        raise UserError(
            f"silver: classes {both.data.classes} with it, {gold.data.classes} without; alike would be right"
        )


def made(stage: Train, shop: Workshop, seed: int) -> Side:
    """The network that the stage trains there."""
    shop = replace(shop, seed=seed)
    return Side(shop, make("train", stage, shop.root, shop, seed)[0])


def figures(sides: list[Side]) -> Json:
    """The task's figures on val, means over the seeds."""
    keys = [column.key for column in sides[0].shop.task.COLUMNS]
    looked = [side.looked("val").quality.to_json() for side in sides]
    return mean([{key: one[key] for key in keys if one[key] is not None} for one in looked])
