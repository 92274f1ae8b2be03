"""A network as JSON: how it was built, and every layer as compression left it. No class path is ever read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge.errors import Unfinished

if TYPE_CHECKING:
    from torch import nn

    from mfast_edge.model import Model

LEAVES = {
    "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups"),
    "BatchNorm2d": ("num_features", "eps", "momentum"),
    "Linear": ("in_features", "out_features"),
    "Identity": (),
}


def layers(network: nn.Module) -> dict[str, dict[str, Any]]:
    """{path: leaf} of every leaf that holds weights."""
    return {name: leaf(module) for name, module in network.named_modules() if type(module).__name__ in LEAVES}


def leaf(module: nn.Module) -> dict[str, Any]:
    """A leaf's type and arguments."""
    kind = type(module).__name__
    made = {name: getattr(module, name) for name in LEAVES[kind]}
    if kind in ("Conv2d", "Linear"):
        made["bias"] = module.bias is not None
    return {"type": kind, **{name: list(v) if isinstance(v, tuple) else v for name, v in made.items()}}


def restore(network: nn.Module, wanted: dict[str, dict[str, Any]]) -> None:
    """Replace, in a network as built, every leaf that compression changed."""
    from torch import nn

    have = layers(network)
    for path, spec in wanted.items():
        if have.get(path) == spec:
            continue
        if spec["type"] not in LEAVES:
            raise Unfinished(f"blueprint: {path} is a {spec['type']!r}; known leaves: {', '.join(LEAVES)}")
        arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in spec.items() if name != "type"}
        network.set_submodule(path, getattr(nn, spec["type"])(**arguments))


def rebuild(folder: Path, model: Model) -> nn.Module:
    """The network of a torch candidate's folder, on the CPU, in eval mode."""
    from safetensors.torch import load_file

    plan = read(folder)
    network = model.network(model.build(**plan["build"]))
    restore(network, plan["layers"])
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    return network.eval()


def write(folder: Path, blueprint: dict[str, Any]) -> None:
    """blueprint.json in `folder`."""
    (folder / "blueprint.json").write_text(json.dumps(blueprint, indent=1, sort_keys=True) + "\n")


def read(folder: Path) -> dict[str, Any]:
    """The blueprint in `folder`."""
    found: dict[str, Any] = json.loads((folder / "blueprint.json").read_text())
    return found
