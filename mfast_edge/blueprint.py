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
    "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups", "dilation"),
    "BatchNorm2d": ("num_features", "eps", "momentum"),
    "Linear": ("in_features", "out_features"),
    "Identity": (),
}

CHAIN = "Sequential"
SINCE = {"Conv2d": {"dilation": [1, 1]}}  # what blueprints did not tell from the first day


def layers(network: nn.Module) -> dict[str, dict[str, Any]]:
    """{path: leaf} of every leaf that holds weights; what a layer was decomposed into is one chain at its path."""
    found: dict[str, dict[str, Any]] = {}
    for path, module in network.named_modules():
        if path.rpartition(".")[0] in found:
            continue  # a link of a chain
        if type(module).__name__ in LEAVES:
            found[path] = leaf(module)
        elif path and chained(module):
            found[path] = {"type": CHAIN, "layers": [leaf(link) for link in module.children()]}
    return found


def chained(module: nn.Module) -> bool:
    """Whether a module is a plain sequence of convolutions or of linear layers and nothing else."""
    links = {type(link).__name__ for link in module.children()}
    return type(module).__name__ == CHAIN and links in ({"Conv2d"}, {"Linear"})


def leaf(module: nn.Module) -> dict[str, Any]:
    """A leaf's type and arguments."""
    kind = type(module).__name__
    made = {name: getattr(module, name) for name in LEAVES[kind]}
    if kind in ("Conv2d", "Linear"):
        made["bias"] = module.bias is not None
    return {"type": kind, **{name: list(v) if isinstance(v, tuple) else v for name, v in made.items()}}


def restore(network: nn.Module, wanted: dict[str, dict[str, Any]]) -> None:
    """Replace, in a network as built, every leaf that compression changed."""
    have = layers(network)
    for path, spec in wanted.items():
        if have.get(path) != SINCE.get(spec["type"], {}) | spec:
            network.set_submodule(path, made(path, spec))


def made(path: str, spec: dict[str, Any]) -> nn.Module:
    """A fresh leaf, or a chain of them, as `layers` describes it. What a leaf does not say is as torch has it."""
    from torch import nn

    if spec["type"] == CHAIN:
        return nn.Sequential(*(made(path, link) for link in spec["layers"]))
    if spec["type"] not in LEAVES:
        raise Unfinished(f"blueprint: {path} is a {spec['type']!r}; known leaves: {', '.join(LEAVES)}")
    arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in spec.items() if name != "type"}
    found: nn.Module = getattr(nn, spec["type"])(**arguments)
    return found


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
