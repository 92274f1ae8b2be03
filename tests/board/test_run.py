"""The bundle's own command, run as a board runs it: alone, without the packages; under Python 3.6 where one is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.results import read
from mfast_edge.judge import PARITY, PARITY_FP16
from tests.board.conftest import run
from tests.board.old import old_python


@pytest.fixture(params=["this Python", "Python 3.6"])
def python(request: pytest.FixtureRequest) -> str:
    return sys.executable if request.param == "this Python" else old_python()


def test_check_finds_what_was_stored(box: Path, python: str) -> None:
    code, out, error = run(box, "check", "--runtime", "onnxruntime", python=python)
    assert code == 0, error
    assert "same: " in out
    row = read(next((box / "results").glob("check-onnxruntime-*.json"))).rows[0]
    same = row.options["parity"]
    assert (same["share"], same["alike"], same["photos"]) == (1.0, 10, 10)
    assert same["total"] > 40
    assert same["worst_score_delta"] <= 1e-3
    assert row.options["keys"] == ["k2", "k1"]
    assert row.forward["calls"] == 10


def test_check_fails_where_something_else_is_found(box: Path, python: str) -> None:
    """One score moved by 0.002, in a manifest that says so: the hash is right, the detections are not."""
    name = "check/export_onnx/3.npy"
    rows = np.load(box / name)
    assert rows[0, 4] > 0.06
    rows[0, 4] -= 0.002
    np.save(box / name, rows)
    amend(box, name)
    code, out, _ = run(box, "check", "--runtime", "onnxruntime", python=python)
    assert code == 1
    assert "NOT the same" in out


def amend(box: Path, name: str) -> None:
    """Tell the manifest of a changed file."""
    from hashlib import sha256

    told = json.loads((box / "manifest.json").read_text())
    content = (box / name).read_bytes()
    told["files"][name] = {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
    (box / "manifest.json").write_text(json.dumps(told))


def test_lower_precisions_are_held_to_the_judge_s_own_rules(box: Path) -> None:
    """float16 finds .9938 of what ssd_mbv1 finds in float32 on BCCD: the exports' .995 would call it another."""
    code = "import json, measured; print(json.dumps([measured.LIMITS['float16'], measured.ROUGH]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=box, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[0.99, 0.01, PARITY_FP16], [0.99, 0.01, PARITY]]


def test_bench_writes_results_that_the_house_reads(box: Path, python: str) -> None:
    code, out, error = run(box, "bench", "--all", "--rounds", "5", "--runtime", "onnxruntime", python=python)
    assert code == 0, error
    results = read(next((box / "results").glob("bench-onnxruntime-*.json")))
    row = results.rows[0]
    assert (row.name, row.model) == ("tiny export_onnx", "tiny")
    assert row.runtime == "onnxruntime"
    assert len(row.options["medians"]) == 5
    assert all(part["p50"] > 0 for part in (row.forward, row.pre, row.post, row.end_to_end) if part)
    assert "ms (p50)" in out
    import socket

    assert socket.gethostname() not in json.dumps(results.machine)


def test_results_of_graphs_that_were_not_timed_again_stay(box: Path, python: str) -> None:
    """One file a bench: what was timed in the same rounds stays together, and is never written over."""
    words = ["bench", "--rounds", "5", "--runtime", "onnxruntime"]

    def benched() -> list[Path]:
        code, _, error = run(box, *words, python=python)
        assert code == 0, error
        return sorted((box / "results").iterdir())

    (first,) = benched()
    assert first.stem.endswith("-001")
    (second,) = benched()
    assert second.stem.endswith("-002")
    told = json.loads(second.read_text())
    other = {**told["rows"][0], "options": {**told["rows"][0]["options"], "onnx": "judge/train.onnx"}}
    second.write_text(json.dumps({**told, "rows": [*told["rows"], other]}))
    assert [path.stem[-4:] for path in benched()] == ["-002", "-003"]
    other["options"]["bundle"] = told["rows"][0]["options"]["bundle"] = "another"
    second.write_text(json.dumps({**told, "rows": [*told["rows"], other]}))
    assert [path.stem[-4:] for path in benched()] == ["-004"]


def test_detect_draws_photos_and_goes_on_past_a_broken_one(box: Path, tmp_path: Path, python: str) -> None:
    folder, out = tmp_path / "seen", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(np.load(box / "check/photos/0.npy")).save(folder / "a!.png")  # no pipeline
    (folder / "b.jpg").write_bytes(b"no photo")
    words = ["detect", str(folder), "--out", str(out), "--score", "0.05", "--runtime", "onnxruntime"]
    code, told, error = run(box, *words, python=python)
    assert code == 2
    assert "b.jpg: cannot be read" in error
    assert "a!.png: " in told
    found = json.loads((out / "found.json").read_text())
    stored = np.load(box / "check/export_onnx/0.npy")
    wanted = stored[stored[:, 4] >= 0.05]
    assert [one["label"] for one in found] == [["cat", "dog"][int(row[5])] for row in wanted]
    assert np.allclose([one["score"] for one in found], wanted[:, 4], atol=1e-4)
    assert np.allclose([one["box"] for one in found], wanted[:, :4], atol=0.01)
    assert [path.name for path in out.glob("*.jpg")] == ["000-a!.jpg"]


def test_detect_follows_a_video(box: Path, tmp_path: Path, python: str) -> None:
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48))
    for number in range(4):
        writer.write(np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()
    words = ["detect", str(tmp_path / "clip.avi"), "--frames", "3", "--out", str(tmp_path / "out")]
    code, told, error = run(box, *words, "--score", "0.05", "--runtime", "onnxruntime", python=python)
    assert code == 0, error
    assert "3 frames" in told
    assert (tmp_path / "out" / "000-clip.mp4").stat().st_size > 0


@pytest.mark.parametrize("name", ["000-a.jpg", "000-clip.mp4"])
def test_a_drawing_that_opencv_cannot_write_is_named(box: Path, tmp_path: Path, python: str, name: str) -> None:
    """OpenCV raises nothing: imwrite answers False, a VideoWriter writes nowhere."""
    cv2 = pytest.importorskip("cv2")
    pixels = np.load(box / "check/photos/0.npy")
    word = tmp_path / ("a.png" if name.endswith(".jpg") else "clip.avi")
    if word.suffix == ".png":
        Image.fromarray(pixels).save(word)
    else:
        writer = cv2.VideoWriter(str(word), cv2.VideoWriter_fourcc(*"MJPG"), 5, pixels.shape[1::-1])
        writer.write(pixels)
        writer.release()
    (tmp_path / "out" / name).mkdir(parents=True)  # a folder where the drawing should be
    words = ["detect", str(word), "--out", str(tmp_path / "out"), "--runtime", "onnxruntime"]
    code, _, error = run(box, *words, python=python)
    assert code == 2
    assert f"{name}: cannot be written; a folder with room" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "--model", "nothing"], "nothing is not in this bundle; it has export_onnx.onnx"),
        (["check", "--runtime", "toaster"], "tensorrt or onnxruntime would be right"),
        (["check", "--buffers", "pails"], "ctypes, pycuda, cuda-python would be right"),
        (["detect", "nowhere.jpg"], "nowhere.jpg is not there"),
        (["build"], "no CUDA device answers here"),
        (["check", "--runtime", "tensorrt"], "no CUDA device answers here"),
        (["check", "--out", "run.py/results"], "Not a directory"),
        (["check", "--runtime", "onnxruntime", "--precision", "float16"], "onnxruntime takes the graph's own types"),
        (["check", "--runtime", "tensorrt", "--precision", "../x"], "float32, float16, int8 would be right"),
        (["bench", "--runtime", "tensorrt", "--threads", "1"], "--threads: 1 given, and TensorRT computes on the GPU"),
        (["check", "--runtime", "onnxruntime", "--buffers", "ctypes"], "--buffers: ctypes given, and onnxruntime"),
        (["check", "--runtime", "onnxruntime", "--all", "--model", "export_onnx"], "--model: export_onnx given beside"),
        (["build", "--all", "--model", "export_onnx"], "one of the two would be right"),
        (["bench", "--rounds", "4", "--runtime", "onnxruntime"], "--rounds: 4 given; 5 or more would be right"),
    ],
)
def test_a_mistake_is_one_sentence(box: Path, words: list[str], said: str) -> None:
    code, _, error = run(box, *words, folder=box)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["bench", "--rounds", "0"], ["check", "--threads", "-1"], ["bench", "--threads", "0"]]
)
def test_a_number_that_measures_nothing_is_refused(box: Path, words: list[str]) -> None:
    code, _, error = run(box, *words)
    assert code == 2
    assert "a whole number from 1 would be right" in error
    assert not (box / "results").exists()


def test_a_file_that_was_changed_is_noticed_before_it_runs(box: Path) -> None:
    (box / "boxes.py").write_text("raise SystemExit(7)\n")
    code, _, error = run(box, "check")
    assert code == 2
    assert "boxes.py: not the file that manifest.json names; copy the whole bundle again" in error


NO_OPENCV = (
    "import importlib.util as util\nreal = util.find_spec\n"
    "util.find_spec = lambda name, *more: None if name == 'cv2' else real(name, *more)\n"
)
OLD_PILLOW = "import PIL\nfrom PIL import ImageOps\nPIL.__version__ = '5.1.0'\ndel ImageOps.exif_transpose\n"


def begin(box: Path, code: str) -> None:
    """Let run.py begin with `code`."""
    (box / "run.py").write_text(code + (box / "run.py").read_text())
    amend(box, "run.py")


def test_a_pillow_that_turns_no_photo_upright_is_refused(box: Path, tmp_path: Path) -> None:
    """Ubuntu 18.04's own is 5.1."""
    begin(box, NO_OPENCV + OLD_PILLOW)
    Image.fromarray(np.load(box / "check/photos/1.npy")).save(tmp_path / "p.png")
    code, _, error = run(box, "detect", str(tmp_path / "p.png"), "--runtime", "onnxruntime")
    assert code == 2
    assert "Pillow 6 or newer, and here is Pillow 5.1.0; pip3 install 'pillow>=6' would be right" in error
    assert error.count("\n") == 1


def test_without_opencv_the_same_is_found_and_pillow_opens_photos(box: Path, tmp_path: Path, python: str) -> None:
    """A cv2 that cannot be found: photos are resized in numpy, to the same bytes."""
    begin(box, NO_OPENCV)
    code, out, error = run(box, "check", "--runtime", "onnxruntime", python=python)
    assert code == 0, error
    assert "worst score difference 0," in out
    shutil.copytree(box / "check" / "photos", tmp_path / "photos")
    Image.fromarray(np.load(box / "check/photos/1.npy")).save(tmp_path / "p.png")
    code, out, error = run(box, "detect", str(tmp_path / "p.png"), "--runtime", "onnxruntime", python=python)
    assert code == 0, error
    assert run(box, "detect", "0", "--runtime", "onnxruntime", python=python)[2].startswith(
        "run.py: 0: videos and cameras"
    )
