"""A search's winner as something to train again: its network as a YAML file, and the command of compress."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mfast_edge.data.report import save

if TYPE_CHECKING:
    from mfast_edge.run import Asked

NETWORK = "model.network"


def command(asked: Asked, tree: Mapping[str, Any], folder: Path) -> str:
    """What trains a winner with the dotted settings `tree` as its search would: other seeds, plans or devices are one
    option more. A network that the search drew is written as `winner.yaml` in `folder` first."""
    settings = {**asked.given, **tree}
    model = asked.model
    if isinstance(network := settings.get(NETWORK), Mapping):
        model = str(folder / "winner.yaml")
        shown = {name: value for name, value in network.items() if name != "name"}
        save(Path(model), yaml.safe_dump(shown, sort_keys=False, default_flow_style=None))
        del settings[NETWORK]
    given: dict[str, object] = {"model": model, "target": asked.target, "plan": asked.plan, "data": asked.data}
    given |= {"classes": asked.classes, "init": asked.init}
    words = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
    words += [word for name, value in settings.items() for word in ("--set", f"{name}={text(value)}")]
    return f"python -m mfast_edge.compress {shlex.join(words)}"


def text(value: Any) -> str:
    """A value as --set reads it: YAML on one line."""
    dumped: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return dumped.splitlines()[0]
