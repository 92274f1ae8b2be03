"""Weights from a file: safetensors, or a state_dict that torch.load reads with weights_only=True."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def shapes(file: Path) -> dict[str, list[int]]:
    """{name: shape} without loading a tensor, and without torch for safetensors. UserError where unreadable."""
    if file.suffix != ".safetensors":
        return {name: list(tensor.shape) for name, tensor in tensors(file).items()}
    try:
        with safe_open(file, "np") as stored:
            return {name: stored.get_slice(name).get_shape() for name in stored.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as wrong:
        raise UserError(unreadable(file, wrong)) from None


def tensors(file: Path) -> Mapping[str, Tensor]:
    """{name: tensor} on the CPU. UserError where the file cannot be read or holds something else."""
    import torch
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        held = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as wrong:
        raise UserError(unreadable(file, wrong)) from None
    held = held.get("state_dict", held) if isinstance(held, dict) else held
    if not isinstance(held, dict) or not all(isinstance(value, torch.Tensor) for value in held.values()):
        raise UserError(f"--init: {file} holds no state_dict; a mapping of names to tensors would be right")
    return held


def unreadable(file: Path, wrong: Exception) -> str:
    """One sentence on a file that is missing, cut short or of another kind."""
    if not file.is_file():
        return f"--init: {file} is not there; a .safetensors file or a state_dict would be right"
    cause = str(wrong).splitlines()[0]
    return f"--init: {file} cannot be read as weights ({cause}); it may be cut short; a whole file would be right"
