"""A Python 3.6 with what a bundle needs, where there is one; `make py36` makes one."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

NEEDS = "import numpy, onnxruntime, sys; assert sys.version_info[:2] == (3, 6)"


@cache
def found() -> str | None:
    """$MFAST_PY36, or one of pyenv's 3.6 that has numpy and onnxruntime."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    made = Path(__file__).parents[2] / ".py36" / "bin" / "python"
    known = [
        os.environ.get("MFAST_PY36", ""),
        *([str(made)] if made.is_file() else []),
        *map(str, versions.glob("3.6.*/bin/python")),
    ]
    for python in filter(None, known):
        done = subprocess.run([python, "-I", "-c", NEEDS], stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            return python
    return None


def old_python() -> str:
    """That Python; skipped where there is none."""
    python = found()
    return python or pytest.skip(
        "no Python 3.6 with numpy and onnxruntime: make py36, then MFAST_PY36=.py36/bin/python"
    )
