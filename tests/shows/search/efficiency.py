"""The trained grid as a table, replayed: searches with TPE, early rejection and pruning beside random ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search.replay import Row, Table, Way, efficiency
from search.space import parse

SEEDS = 20
WITHIN = 0.5  # of the reference's time: what a network may take
SHARES = (0.02, 0.05)  # of the grid's best rows: the target is to have one of them
WAYS = {
    "tpe, early rejection, asha": Way(),
    "tpe, early rejection": Way(pruner="none"),
    "tpe": Way(pruner="none", reject=False),
    "random, early rejection, asha": Way(sampler="random"),
}


def replayed(folder: Path) -> dict[str, Any]:
    """Ratios of the time to a good network, of each way / of random search, from a search's folder."""
    told = json.loads((folder / "search.json").read_text())
    table = tabled(told)
    ways = {
        f"{name}, best {share:.0%}": asdict(efficiency(table, range(SEEDS), way, share))
        for share in SHARES
        for name, way in WAYS.items()
    }
    first = ways[f"{next(iter(WAYS))}, best {SHARES[0]:.0%}"]
    return {
        "ratio": first["ratio"],
        "ratio_low": first["low"],
        "ratio_high": first["high"],
        "seeds": SEEDS,
        "rows": len(table.rows),
        "allowed": sum(table.allowed(row) for row in table.rows),
        "limit_ratio": WITHIN,
        "cpu_hours": sum(row.cost for row in table.rows) / 3600,
        "ways": ways,
        "command": told["command"],
    }


def tabled(told: Mapping[str, Any]) -> Table:
    """A row for each trial: its score is searched for, the score so far after each epoch is what a pruner sees."""
    complete = [trial for trial in told["trials"] if trial["state"] == "complete"]
    return Table(parse(told["space"]["settings"]), tuple(map(row, complete)), "minimize", "minimize", {"ratio": WITHIN})


def row(trial: Mapping[str, Any]) -> Row:
    """A trial; each of its steps took an equal share of the training's computing."""
    curve = tuple(value for _, value in trial["curve"])
    seconds = (trial["cpu"]["training"] / len(curve),) * len(curve)
    facts = {"ratio": trial["figures"]["ratio"]}
    return Row(trial["params"], curve, seconds, trial["figures"]["score"], trial["cpu"]["before"], facts)
