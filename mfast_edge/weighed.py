"""Peak memory of one network: a process of its own opens it, calls it a few times and tells what it held."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import machine
from mfast_edge.errors import Unfinished

CALLS = 3

Job = Mapping[str, Any]  # as JSON: `graph`, or `candidate`, or `model` with `build` and `way`, see below


def weigh(job: Job) -> dict[str, float] | None:
    """MB at the `peak` of the forward, and `before` the network was opened: the interpreter and its libraries.

    A child's, so nothing else that this process ever held counts. None where the system does not tell.
    """
    command = [sys.executable, "-m", "mfast_edge.weighed", json.dumps(dict(job))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unfinished(f"--memory: {job}: {said[-1]}; more memory, or no --memory, would be right")
    found: dict[str, float] | None = json.loads(done.stdout)
    return found


def held(job: Job) -> dict[str, float] | None:
    """The same of this process."""
    call, before = graph(job) if "graph" in job else network(job)
    for _ in range(CALLS):
        call()
    peak = machine.peak_memory()
    return None if peak is None or before is None else {"peak": peak, "before": before}


def graph(job: Job) -> tuple[Any, float | None]:
    """{graph, runtime, threads, sizes}: how to call the graph, and MB before it was opened."""
    from functools import partial
    from importlib import import_module

    from export.sessions import VARIANTS, open_session
    from export.shape import feeds

    path, runtime = Path(job["graph"]), str(job["runtime"])
    fed = feeds(path, {name: tuple(sizes) for name, sizes in job["sizes"].items()})
    import_module(VARIANTS.get(runtime) or runtime)
    before = machine.peak_memory()
    feed = open_session(path, runtime, threads=job["threads"]).feed
    assert feed is not None
    return partial(feed, fed), before


def network(job: Job) -> tuple[Any, float | None]:
    """{candidate or model and build, way, threads, batch}: how to call the network in torch, and MB before."""
    import torch

    from mfast_edge import blueprint, ways
    from mfast_edge import model as models
    from mfast_edge.models import MODELS

    torch.set_num_threads(job["threads"])
    kind = models.find(job["model"], MODELS)
    before = machine.peak_memory()
    if "candidate" in job:
        made, facts = blueprint.rebuild(Path(job["candidate"]), kind), blueprint.read(Path(job["candidate"]))["decode"]
    else:
        build = kind.build(**job["build"])
        made, facts = kind.network(build).eval(), kind.facts(build)
    image = torch.zeros(job["batch"], 3, facts["height"], facts["width"])
    way = ways.Way(**job["way"])
    return ways.forward(ways.folded(made, image)[0] if way.fused else made, image, way), before


if __name__ == "__main__":
    print(json.dumps(held(json.loads(sys.argv[1]))))
