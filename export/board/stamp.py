"""What an engine was built for, in a JSON file beside it. Travels: Python 3.6, standard library only."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Dict

if __package__:
    from export.board import buffers
    from export.board.faults import EngineError
else:  # on the board the files lie side by side
    import buffers  # type: ignore[import-not-found,no-redef]
    from faults import EngineError  # type: ignore[import-not-found,no-redef]

BOUND = {  # an engine is for these, and for nothing else
    "tensorrt": "TensorRT",
    "gpu": "GPU",
    "compute_capability": "compute capability",
    "l4t": "L4T",
}


def surroundings(trt: Any, root: Path = Path("/")) -> Dict[str, Any]:
    """TensorRT's version, the GPU, its compute capability, and L4T's release line on a Jetson."""
    device = buffers.describe()
    release = root / "etc" / "nv_tegra_release"
    l4t = release.read_text().partition("\n")[0].strip() if release.is_file() else None
    return {"tensorrt": trt.__version__, "gpu": device.name, "compute_capability": device.capability, "l4t": l4t}


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            found.update(chunk)
    return found.hexdigest()


def place(engine: Path) -> Path:
    """Where the stamp of an engine lies."""
    return engine.with_name(engine.name + ".json")


def write(engine: Path, told: Dict[str, Any]) -> None:
    """The stamp, whole or not at all; `told` gains the engine's own sha256."""
    whole(place(engine), dict(told, engine=digest(engine)))


def whole(path: Path, told: Dict[str, Any]) -> None:
    """JSON at `path`, whole or not at all."""
    beside = path.with_name("." + path.name)
    beside.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(str(beside), str(path))


def read(engine: Path, rebuild: str) -> Dict[str, Any]:
    """An engine's stamp. EngineError, naming the command that rebuilds, where there is none or it is of another."""
    try:
        told = json.loads(place(engine).read_text())
    except (OSError, ValueError):
        raise EngineError(
            "{}: no {} says what it was built for; {}".format(engine, place(engine).name, rebuild)
        ) from None
    if not isinstance(told, dict) or told.get("engine") != digest(engine):
        raise EngineError("{}: {} is of another file; {}".format(engine, place(engine).name, rebuild))
    return told


def check(engine: Path, told: Dict[str, Any], now: Dict[str, Any], rebuild: str) -> None:
    """EngineError where the engine is for another TensorRT, GPU or L4T, or of another ONNX file than `now` says."""
    for name in sorted(now):
        if told.get(name) != now[name]:
            what = BOUND.get(name, "ONNX file of sha256")
            was, here = told.get(name) or "none", now[name] or "none"
            raise EngineError("{}: built for {} {}, and here is {}; {}".format(engine, what, was, here, rebuild))
