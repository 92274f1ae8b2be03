"""The names that the board's files use, held against TensorRT's real Python bindings: python -m tests.board.api

Downloads the bindings' wheels from the package index into a folder ($MFAST_TRT, or one that is removed again), takes
the extension out of each and imports it beside empty libraries; no GPU, no driver and nothing else of TensorRT is
needed. 8.4.1.5 is for Python 3.6 ($MFAST_PY36), its wheel has 774 MB. Exit code 0: every name is there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.board.calls import used
from tests.board.old import found

HERE = Path(__file__).parent
FILES = [HERE.parents[1] / "export" / "board" / name for name in ("building.py", "engine.py")]
LIBRARIES = ("libnvinfer", "libnvonnxparser", "libnvparsers", "libnvinfer_plugin")
DTYPES = ("FLOAT", "HALF", "INT8", "INT32", "BOOL")


@dataclass(frozen=True, slots=True)
class Binding:
    """A version on the package index, and the generation of the stand-in that has its names."""

    package: str
    version: str
    standin: str | None
    old: bool = False  # for Python 3.6 alone

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


BINDINGS = (
    Binding("nvidia-tensorrt", "8.4.1.5", "8.2", old=True),  # 8.2 itself is in JetPack only
    Binding("tensorrt_bindings", "8.6.1", "8.6"),
    Binding("tensorrt-cu12-bindings", "10.3.0", "10.3"),
    Binding("tensorrt-cu12-bindings", "10.16.1.11", None),
    Binding("tensorrt-cu13-bindings", "11.4.0.106", "11.4"),
)


def main() -> int:
    """A line per version; 1 where a name is missing somewhere."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(os.environ.get("MFAST_TRT") or temporary)
        missing = [name for one in BINDINGS for name in checked(one, work)]
    return 1 if missing else 0


def checked(one: Binding, work: Path) -> list[str]:
    """The names that a version lacks; told in a line."""
    python = found() if one.old else sys.executable
    if python is None:
        print(f"TensorRT {one.version}: not checked: no Python 3.6 (make py36)")
        return []
    names = real(one, work, python)
    known = {kind: set(members) for kind, members in names["classes"].items()} | {"": set(names["module"])}

    def has(kind: str, name: str) -> bool:
        return name in known.get(kind, ())

    wanted = {pair for file in FILES for pair in used(file, has)} | {("DataType", name) for name in DTYPES}
    lacks = sorted(f"{kind or 'tensorrt'}.{name}" for kind, name in wanted if not has(kind, name))
    invented = [] if one.standin is None else strange(one.standin, known)
    flags = " ".join(name for name in ("FP16", "INT8", "TF32") if has("BuilderFlag", name))
    said = "all there" if not lacks else f"MISSING {', '.join(lacks)}"
    more = "" if not invented else f"; the stand-in has what it has not: {', '.join(invented)}"
    print(f"TensorRT {one.version} ({one.package}): {len(wanted)} names used, {said}{more}; flags {flags}")
    return lacks + invented


def real(one: Binding, work: Path, python: str) -> Mapping[str, Any]:
    """The names of a version's module and classes."""
    folder = work / one.version
    extension = folder / "tensorrt.so"
    if not extension.is_file():
        fetch(one, folder, python)
    libraries = work / f"stubs{one.major}"
    libraries.mkdir(exist_ok=True)
    for name in (f"{library}.so.{one.major}" for library in LIBRARIES):
        words = ["cc", "-w", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(libraries / name)]
        subprocess.run([*words, str(HERE / "stubs.c")], check=True)
    env = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
    done = subprocess.run(
        [python, str(HERE / "bindings.py"), str(extension)], env=env, stdout=subprocess.PIPE, check=True
    )
    names: Mapping[str, Any] = json.loads(done.stdout)
    return names


def fetch(one: Binding, folder: Path, python: str) -> None:
    """Download the wheel; keep its extension."""
    folder.mkdir(parents=True, exist_ok=True)
    version = ["--python-version", "3.6"] if one.old else []
    words = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", *version, "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *words, f"{one.package}=={one.version}"], check=True)
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if re.fullmatch(r"tensorrt(_bindings)?/tensorrt\.so", name))
        (folder / "tensorrt.so").write_bytes(archive.read(member))
    wheel.unlink()


def strange(generation: str, known: Mapping[str, set[str]]) -> list[str]:
    """Public names of the stand-in that the real bindings do not have."""
    code = (
        "import json, tensorrt as t, inspect; kinds = {n: c for n, c in vars(t).items() if inspect.isclass(c) "
        "and c.__module__ == 'tensorrt'}; print(json.dumps({n: [m for m in vars(c) if m[0] != '_'] "
        "for n, c in kinds.items()}))"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tensorrt.py").write_text((HERE / "tensorrt_standin.py").read_text())
        env = {**os.environ, "STANDIN": generation, "PYTHONPATH": folder}
        done = subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, check=True)
    return [
        f"{kind}.{name}"
        for kind, names in json.loads(done.stdout).items()
        for name in names
        if name not in known.get(kind, ())
    ]


if __name__ == "__main__":
    sys.exit(main())
