"""A candidate is an address, never a network: where a result lies and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from mfast_edge.settings import canonical

Form = Literal["none", "torch", "onnx", "engine"]


@dataclass(frozen=True, slots=True)
class Step:
    """One stage as it was run: resolved settings, seed, digests of everything else it read."""

    stage: str
    version: str
    settings: Mapping[str, Any]
    seed: int
    reads: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished folder in the store; `form` none is the start, before any training."""

    key: str
    model: str
    form: Form
    folder: Path
    lineage: tuple[Step, ...]

    @property
    def file(self) -> Path:
        """The weights or the graph."""
        return self.folder / {"torch": "weights.safetensors", "onnx": "model.onnx", "engine": "model.engine"}[self.form]


def untouched(parent: Candidate, child: Candidate) -> bool:
    """Whether a stage gave back the network that it was given, weight for weight."""
    return parent.form == child.form == "torch" and file_digest(parent.file) == file_digest(child.file)


def start(model: str, build: Mapping[str, Any]) -> Candidate:
    """The empty candidate that `train` begins from; its key holds the model and every build setting."""
    return Candidate(digest({"model": model, "build": build}), model, "none", Path(), ())


def child_key(parent: Candidate, step: Step) -> str:
    """The key of what `step` makes of `parent`."""
    return following(parent.key, step)


def ancestor(root: Candidate, candidate: Candidate, stage: str) -> str | None:
    """The key of what `stage` made on the way from `root` to the candidate; None where it was not run."""
    key = root.key
    for step in candidate.lineage:
        key = following(key, step)
        if step.stage == stage:
            return key
    return None


def following(key: str, step: Step) -> str:
    """The key of what `step` makes of the candidate of this key."""
    return digest({"parent": key, "step": asdict(step)})


def digest(value: Any) -> str:
    """20 hexadecimal digits of the SHA-256 of a JSON value."""
    return sha256(canonical(value).encode()).hexdigest()[:20]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    found = sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()
