"""A graph's metadata: what a file says of itself, changed without touching a node."""

from collections.abc import Mapping
from pathlib import Path

import onnx


def retell(source: Path, target: Path, told: Mapping[str, str]) -> None:
    """The graph of `source` at `target`, whose metadata say `told` as well; those of the same names are replaced."""
    model = onnx.load(source)
    known = {one.key: one.value for one in model.metadata_props}
    onnx.helper.set_model_props(model, dict(sorted({**known, **told}.items())))
    target.write_bytes(model.SerializeToString(deterministic=True))
