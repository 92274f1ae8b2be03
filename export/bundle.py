"""The folder that goes to a device: model files, the files that travel, and a manifest of them."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from export.board import stamp
from export.errors import ExportError

# On the board these folders' files lie side by side; what lies deeper keeps its folder: ssd/decode.py.
_ROOTS = ("mfast_edge/models", "mfast_edge/tasks", "benchmarks", "export/board")
_RUN = ("engines", "results")  # what run.py writes into a bundle; engines of other graphs refuse by their stamps


def bundle(folder: Path, files: Mapping[str, Path], manifest: Mapping[str, Any]) -> None:
    """Make `folder` whole or not at all: `files` (name in it → source), travelling files, manifest.json.

    The manifest gains `files`: name → sha256 and bytes. An older bundle in its place is replaced but for what its
    run.py has written.
    Raises ExportError where a name would leave the folder, is taken twice, or a source is missing.
    """
    sources = _sources(files)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        made, old = Path(beside) / "made", Path(beside) / "old"
        made.mkdir()
        facts = {name: _copy(source, made / name) for name, source in sorted(sources.items())}
        text = json.dumps({**manifest, "files": facts}, indent=1, sort_keys=True)
        (made / "manifest.json").write_text(text + "\n")
        if folder.exists():
            folder.rename(old)
            for name in _RUN:
                if (old / name).is_dir() and not (made / name).exists():
                    (old / name).rename(made / name)
        made.rename(folder)


def travels() -> dict[str, Path]:
    """Name on the board → file on this machine, of everything that travels."""
    listed = json.loads((Path(__file__).parent / "board" / "travels.json").read_text())
    return {_place(PurePosixPath(name)): _find(PurePosixPath(name)) for name in listed}


def placed(name: str) -> str:
    """Where a travelling file, such as mfast_edge/models/ssd/decode.py, lies in a bundle."""
    return _place(PurePosixPath(name))


def _sources(files: Mapping[str, Path]) -> dict[str, Path]:
    travelling = travels()
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or name in ("", ".", "manifest.json") or name in travelling:
            raise ExportError(f"{name}: no name for a file of a bundle; give a free name inside the folder")
    return {**files, **travelling}


def _place(path: PurePosixPath) -> str:
    return next(str(path.relative_to(root)) for root in _ROOTS if path.is_relative_to(root))


def _find(path: PurePosixPath) -> Path:
    """A repository-relative file, found through its installed package: from any folder."""
    package = find_spec(path.parts[0])
    folders = list(package.submodule_search_locations or []) if package else []
    if not folders:
        raise ExportError(f"{path}: the package {path.parts[0]} is not installed; install the whole project")
    return Path(folders[0]).joinpath(*path.parts[1:])


def _copy(source: Path, target: Path) -> dict[str, Any]:
    if not source.is_file():
        raise ExportError(f"{source}: no such file to bundle")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return {"sha256": stamp.digest(target), "bytes": target.stat().st_size}
