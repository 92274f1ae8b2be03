"""The files that travel to a board: Python 3.6 clean, and working beside each other without the packages."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export.bundle import travels

FILES = travels()


def old_python() -> str:
    """A real Python 3.6, by the name python3.6 or under pyenv; skipped where there is none."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = shutil.which("python3.6", path=os.pathsep.join(map(str, versions.glob("3.6.*/bin"))))
    return found or pytest.skip("no Python 3.6 is installed")


@pytest.mark.parametrize("name", FILES)
def test_a_travelling_file_parses_as_python_3_6(name: str) -> None:
    ast.parse(FILES[name].read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("name", FILES)
def test_a_travelling_file_compiles_with_a_real_python_3_6(name: str, tmp_path: Path) -> None:
    copy = tmp_path / Path(name).name
    shutil.copyfile(FILES[name], copy)
    subprocess.run([old_python(), "-m", "py_compile", str(copy)], check=True)


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The files side by side."""
    for name, file in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(file, tmp_path / name)
    return tmp_path


def run_there(board: Path, code: str) -> None:
    """Python code as on a board, where the packages are not installed."""
    start = f"import sys; sys.path[:0] = [{str(board)!r}]; sys.modules['mfast_edge'] = None\n"
    subprocess.run([sys.executable, "-I", "-c", start + code], check=True)


def test_the_files_work_side_by_side_without_the_packages(board: Path) -> None:
    run_there(
        board,
        "import numpy as np; from detections import detect; from ssd.decode import decode, ready\n"
        "facts = ready({'height': 32, 'width': 32, 'maps': [2], 'shapes': [[[0.5, 0.5]]],"
        " 'variances': [.1, .1, .2, .2], 'score_threshold': .5, 'iou_threshold': .5,"
        " 'candidates': 9, 'detections': 9})\n"
        "raw = [np.zeros((1, 4, 4), np.float32), np.array([[[-9.], [9.], [-9.], [-9.]]], np.float32)]\n"
        "found = detect(np.zeros((64, 96, 3), np.uint8), lambda image: raw, decode, facts)\n"
        "assert found.boxes.tolist() == [[48, 0, 96, 32]], found\n"
        "from yolo9000.decode import decode, ready\n"
        "facts = ready(dict(facts, parents=[-1, -1, 0], nodes=[0, 2], walk=None))\n"
        "raw = [np.zeros((1, 4, 4), np.float32), np.array([[[-9.], [9.], [-9.], [-9.]]], np.float32),"
        " np.array([[[9., -9., 0.]] * 4], np.float32)]\n"
        "found = detect(np.zeros((64, 96, 3), np.uint8), lambda image: raw, decode, facts)\n"
        "assert found.boxes.tolist() == [[48, 0, 96, 32]] * 2, found\n",
    )


def test_peaks_are_picked_on_a_board_and_none_is_suppressed(board: Path) -> None:
    run_there(
        board,
        "import numpy as np; from detections import detect; from centernet.decode import decode, ready\n"
        "facts = ready({'height': 32, 'width': 32, 'grid': 8, 'unit': 8, 'score_threshold': .5, 'iou_threshold': None,"
        " 'candidates': 9, 'detections': 9})\n"
        "raw = [np.full((1, n, 8, 8), value, np.float32) for n, value in ((1, -9), (2, .5), (2, 0))]\n"
        "raw[0][0, 0, 4, (4, 6)] = 9, 8\n"
        "found = detect(np.zeros((64, 96, 3), np.uint8), lambda image: raw, decode, facts)\n"
        "assert found.boxes.tolist() == [[24, 16, 72, 48], [48, 16, 96, 48]], found\n",
    )
