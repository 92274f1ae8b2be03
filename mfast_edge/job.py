"""A training as JSON: told by the process that leads, repeated by the others of the job on their share of the data."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge import blueprint, teacher
from mfast_edge import model as models
from mfast_edge.errors import Unfinished
from mfast_edge.models import MODELS
from mfast_edge.recipe import Recipe
from mfast_edge.store import Store
from mfast_edge.target import Target

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.crew import Crew, Job
    from mfast_edge.data.sample import Dataset
    from mfast_edge.workshop import Built, Workshop


def told(shop: Workshop, made: Built, recipe: Recipe, parent: Candidate) -> Job:
    """Everything but weights, which travel from process to process, and photos, which each reads itself."""
    from mfast_edge.training.fake import Quantised

    rounding = made.network if isinstance(made.network, Quantised) else None
    key = teacher.key(recipe.teacher, parent, shop.root)
    settings = {**recipe.model_dump(mode="json", include=set(Recipe.model_fields)), **({"teacher": key} if key else {})}
    how = shop.data.how
    return {
        "model": shop.model.name,
        "build": made.build.model_dump(mode="json"),
        "layers": blueprint.layers(rounding.network if rounding else made.network),
        "rounding": rounding.told() if rounding else None,
        "recipe": settings,
        "data": {
            "spec": shop.data.spec,
            "seed": shop.seed,
            "split": how.model_dump(mode="json") if how else None,
            "mapping": shop.data.mapping,
            "task": shop.data.task,
        },
        "digest": shop.data.digest,
        "target": shop.target.model_dump(mode="json"),
        "runs": str(shop.store.root.absolute()),
        "device": shop.device,
    }


def learn(job: Job, crew: Crew) -> None:
    """Train along; nothing is written and nothing kept. Unfinished: the data here are others."""
    from mfast_edge.training.fake import quantised
    from mfast_edge.workshop import Built, Workshop

    model, target, runs = models.find(job["model"], MODELS), Target(**job["target"]), Path(job["runs"])
    build, seed = model.build(**job["build"]), job["data"]["seed"]
    with tempfile.TemporaryDirectory() as empty:
        data = found(job, runs / "data" if (runs / "data").is_dir() else Path(empty))
        shop = Workshop(model, build, data, target, Store(runs), seed, job["device"], None, quiet, crew=crew)
        network = model.network(build)
        blueprint.restore(network, job["layers"])
        wrapped = quantised(network, job["rounding"]) if job["rounding"] else network
        shop.train(Built(wrapped.to(shop.device), build), Recipe(**job["recipe"]), Path(empty), shop.root)


def found(job: Job, cache: Path) -> Dataset:
    """The leader's data, as they are here; drawn anew, below `cache`, where they are drawn and no disk is shared."""
    from mfast_edge.data.index import again

    data = again(job["data"], cache=cache)
    if data.digest != job["digest"]:
        raise Unfinished(f"data: {data.spec} is not the same here as where process 0 runs; the same would be right")
    return data


def quiet(_: Any) -> None:
    """Only process 0 tells."""
