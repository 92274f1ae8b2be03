"""precision.json: what each layer of a network computes in, and the ranges that its activations were trained with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mfast_edge.errors import UserError

FILE = "precision.json"
Kind = Literal["float32", "float16", "bfloat16", "int8"]


@dataclass(frozen=True, slots=True)
class Precision:
    """Beside the weights of a network that was trained for int8.

    layers: path → what it multiplies in; ranges: tensor of the exported graph → (lowest, highest) value that
    int8 holds; dressing: how values become 8 bits, as the target wanted it then.
    """

    layers: Mapping[str, Kind]
    ranges: Mapping[str, tuple[float, float]]
    dressing: Mapping[str, Any]

    def suits(self, dressing: Mapping[str, Any], where: str) -> None:
        """UserError where a graph is to be dressed otherwise than the network was trained for."""
        other = [name for name, value in self.dressing.items() if dressing.get(name) != value]
        if other:
            name = other[0]
            raise UserError(
                f"{where}: {name} is {dressing.get(name)!r}, and qat trained for {self.dressing[name]!r}; qat for this "
                "target, or quantize without qat, would be right"
            )


def write(folder: Path, precision: Precision) -> None:
    """precision.json in `folder`."""
    (folder / FILE).write_text(json.dumps(asdict(precision), indent=1, sort_keys=True) + "\n")


def read(folder: Path) -> Precision | None:
    """The precision in `folder`; None where the network is a plain float one."""
    if not (folder / FILE).is_file():
        return None
    told = json.loads((folder / FILE).read_text())
    ranges = {name: (low, high) for name, (low, high) in told["ranges"].items()}
    return Precision(told["layers"], ranges, told["dressing"])


def carry(parent: Path, child: Path) -> None:
    """The same precision for another form of the same network."""
    if known := read(parent):
        write(child, known)


def refuse(folder: Path, stage: str) -> None:
    """UserError where `stage` would change the layers of a network that was trained for int8."""
    if read(folder):
        raise UserError(
            f"{stage}: the network was trained for int8 with its layers as they are; {stage} before qat would be right"
        )
