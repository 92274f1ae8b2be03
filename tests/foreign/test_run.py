"""compress --model FILE.onnx: a whole run, its repetition, its refusals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from mfast_edge.candidate import file_digest
from mfast_edge.errors import UserError
from mfast_edge.opened import opened
from mfast_edge.report import report
from mfast_edge.run import run
from tests.conftest import asked
from tests.doors.doors import door
from tests.foreign.graphs import write

PLAN = (
    "stages:\n  - adopt: {}\n  - quantize: {images: 6, pixels: float32}\n"
    "timing: {rounds: 5, seconds: 0.01, warmup: 1}\n"
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder, draw = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(draw.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / f"{number}.png")
    return f"photos:{folder}"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, photos: str) -> Path:
    """A folder with a file, a plan and a finished run on it."""
    folder = tmp_path_factory.mktemp("foreign")
    write(folder / "net.onnx", metadata={"names": "{0: 'cat', 1: 'dog'}"})
    (folder / "plan.yaml").write_text(PLAN)
    words = ["--model", folder / "net.onnx", "--data", photos, "--plan", folder / "plan.yaml", "--out", folder / "runs"]
    done = door("compress", *words, "--set", "adopt.pixels=0..1", "--json")
    assert done.returncode in (0, 1), done.stderr
    (folder / "said.json").write_text(done.stdout)
    return folder


def given(room: Path, photos: str, **more: object) -> int:
    plain = {"model": str(room / "net.onnx"), "data": photos, "plan": str(room / "plan.yaml"), "device": None}
    return run(asked(room / "runs", **{**plain, "set": ("adopt.pixels=0..1",), **more}))


def test_a_run_leaves_proof_report_and_a_bundle_that_says_what_the_graph_takes(room: Path) -> None:
    said, folder = json.loads((room / "said.json").read_text()), next((room / "runs").glob("net-*"))
    names = "model data target key form file mb metrics ms score gates kept rolled_back"
    assert set(names.split()) <= said.keys()
    assert said["metrics"].keys() == {"likeness", "least"}
    assert {"report.md", "report.html", "journal.jsonl", "plan.json", "verdicts", "results"} <= {
        path.name for path in folder.iterdir()
    }
    manifest = json.loads((folder / "bundle" / "manifest.json").read_text())
    assert manifest["labels"] == ["cat", "dog"]
    assert manifest["runtimes"] == ["onnxruntime", "openvino"]
    assert set(manifest["input"].values()) == {"float32 NCHW RGB 0..1"}
    assert (folder / "bundle" / manifest["file"]).is_file()
    assert "no mAP is measured" in (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("build", "no CUDA device answers here"),
        ("detect x.png", "is not known; a program of your own"),
    ],
)
def test_the_bundle_s_own_command_says_what_it_cannot_do(room: Path, command: str, said: str) -> None:
    box = next((room / "runs").glob("net-*/bundle"))
    done = ran(box, *command.split())
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "run.py build" in (box / "README.md").read_text()


def ran(box: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """run.py, alone, without the packages and without this machine's GPUs."""
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run([sys.executable, "-I", box / "run.py", *words], capture_output=True, text=True, env=env)


def test_check_compares_raw_outputs_of_stored_inputs(room: Path, tmp_path: Path) -> None:
    box = Path(shutil.copytree(next((room / "runs").glob("net-*/bundle")), tmp_path / "box"))
    done = ran(box, "check", "--all", "--runtime", "onnxruntime")
    assert done.returncode == 0, done.stderr
    graphs = json.loads((box / "manifest.json").read_text())["graphs"]
    assert done.stdout.count(": same: cosine 1.000000") == len(graphs) >= 1
    name = "check/adopt/0-0.npy"
    values = np.load(box / name)
    values[0, 0] *= 0.9
    np.save(box / name, values)
    told = json.loads((box / "manifest.json").read_text())
    told["files"][name]["sha256"] = sha256((box / name).read_bytes()).hexdigest()
    (box / "manifest.json").write_text(json.dumps(told))
    done = ran(box, "check", "--model", "adopt", "--runtime", "onnxruntime")
    assert done.returncode == 1
    assert "NOT the same: cosine 0.9" in done.stdout


def test_what_a_board_measured_of_a_graph_joins_its_run(room: Path, photos: str, tmp_path: Path) -> None:
    """run.py's own files, but for the machine and its times, which are an Orin's: the rule is then the run's own."""
    plain = {"model": str(room / "net.onnx"), "data": photos, "plan": str(room / "plan.yaml"), "device": None}
    out, words = tmp_path / "brought", ["--all", "--runtime", "onnxruntime", "--out", str(tmp_path / "brought")]
    run(asked(tmp_path / "runs", **plain, set=("adopt.pixels=0..1",), target="jetson_orin_nano", name="orin"))
    folder = tmp_path / "runs" / "orin"
    unraced(folder)
    assert ran(folder / "bundle", "bench", "--rounds", "5", *words).returncode == 0
    assert ran(folder / "bundle", "check", *words).returncode == 0
    for faster, word in ((0.5, "kept: 0.50x the time"), (1.5, "rolled back: 1.50x the time")):
        for file in out.iterdir():
            told = json.loads(file.read_text())
            told["machine"] |= {"arch": "aarch64", "board": "NVIDIA Jetson Orin Nano Developer Kit", "l4t": "# R36"}
            for row in told["rows"]:
                row["runtime"] = "tensorrt"
                if "medians" in row["options"]:
                    row["options"]["medians"] = [10.0 * (faster if "quantize" in row["name"] else 1.0)] * 5
            file.write_text(json.dumps(told))
        done = door("board", folder, *sorted(out.iterdir()))
        assert done.returncode == 0, done.stderr
        assert "the same as here: cosine 1.000000" in done.stdout
        final = json.loads((folder / "final.json").read_text())
        assert [row["board"]["ms"] for row in final["rows"]] == [10.0, 10.0 * faster]
        assert final["rows"][1]["board"]["verdict"].startswith(word)
        assert "by proxy" not in final["rows"][1]["board"]["verdict"]
    assert "ms on NVIDIA Jetson Orin Nano Developer Kit" in (folder / "report.md").read_text()


def unraced(folder: Path) -> None:
    """What the CPU's clock would say of the symmetric int8 file decides nothing and stands nowhere."""
    final = json.loads((folder / "final.json").read_text())
    adopt, int8 = final["rows"]
    assert "heavier" in int8["verdict"]  # so small a graph's scales weigh more than its weights
    assert int8["verdict"].endswith("how fast it is the board must say")
    assert int8["forward_ms"] == adopt["forward_ms"] == final["ms"]
    verdicts = [json.loads(path.read_text()) for path in (folder / "verdicts").iterdir()]
    assert all(verdict["ratio"] is None and verdict["ms"] > 0 for verdict in verdicts)
    rows = json.loads(next((folder / "results").glob("*.json")).read_text())["rows"]
    floats = [row["name"] for row in rows if row["precision"] == "float32"]
    assert floats == [row["name"] for row in rows] == ["net.onnx given", "net.onnx adopt"]
    assert {row["model"] for row in rows} == {"net.onnx"}


def test_the_file_s_content_is_the_root_of_its_lineage(room: Path) -> None:
    cards = [json.loads(path.read_text()) for path in (room / "runs" / "store").glob("*/card.json")]
    roots = {card["parent"] for card in cards} - {card["key"] for card in cards}
    assert roots == {file_digest(room / "net.onnx")[:20]}
    assert {card["model"] for card in cards} == {"net.onnx"}


def test_quantized_it_is_int8_takes_what_it_took_and_was_calibrated_on_scaled_pixels(room: Path) -> None:
    said = json.loads((room / "said.json").read_text())
    cards = {path.parent: json.loads(path.read_text()) for path in (room / "runs" / "store").glob("*/card.json")}
    made = next(folder for folder, card in cards.items() if card["lineage"][-1]["stage"] == "quantize")
    model = onnx.load(made / "model.onnx")
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "images")
    assert float(values[first.input[1]]) == pytest.approx(1 / 255, rel=0.05)
    assert said["metrics"]["likeness"]["cosine"] > 0.99


def test_the_same_command_again_does_nothing_and_needs_no_torch(room: Path, photos: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in (room / "runs" / "store").glob("*/*")}
    more = {"model": str(room / "net.onnx"), "data": photos, "plan": str(room / "plan.yaml"), "device": None}
    code = (
        "import sys; from pathlib import Path; from tests.conftest import asked; from mfast_edge.run import run\n"
        f"run(asked(Path({str(room / 'runs')!r}), set=('adopt.pixels=0..1',), **{more!r}))\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.count("in the store") == 2
    assert before == {path: path.stat().st_mtime_ns for path in (room / "runs" / "store").glob("*/*")}


def test_another_tolerance_decides_anew_over_what_was_measured(
    room: Path, photos: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert given(room, photos, set=("adopt.pixels=0..1", "likeness=0.9999999"), name="strict", json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kept"] == ["adopt"]
    assert "too far from the file" in said["rows"][1]["verdict"]


def test_for_a_device_without_int8_the_clean_float_graph_is_judged_by_its_rules(
    room: Path, photos: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given(room, photos, target="jetson", name="nano")
    assert "doctor, of the file as it is: graph: opset 17, 13 at most" in capsys.readouterr().out
    given(room, photos, target="jetson", name="nano", json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["kept"] == ["adopt"]
    assert said["proxy"] is True
    assert [gate["passed"] for gate in said["gates"] if "tensorrt-8.2" in gate["name"]] == [False]  # opset 17
    assert said["left_out"]


def test_a_dry_run_says_what_would_be_done(room: Path, photos: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert given(room, photos, dry_run=True, set=("adopt.pixels=imagenet",)) == 0
    assert capsys.readouterr().out.count("to do") == 2


def test_the_report_is_written_again_from_what_was_stored(room: Path) -> None:
    folder = next((room / "runs").glob("net-*"))
    before = (folder / "report.md").read_text()
    (folder / "report.md").unlink()
    report(folder)
    assert (folder / "report.md").read_text() == before


def test_its_run_is_timed_as_a_graph_without_decoding_or_score(room: Path) -> None:
    run = next(path.parent for path in (room / "runs").glob("net-*/final.json"))
    done = door("bench", run, "--rounds", "1", "--warmup", "1", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows
    assert all(row["forward"]["p50"] > 0 and row["end_to_end"] is None and row["f1"] is None for row in rows)
    done = door("bench", run, "--score")
    assert done.returncode == 2
    assert "no run with its float graph" in done.stderr


def test_what_needs_a_decoder_says_that_there_is_none(room: Path) -> None:
    with pytest.raises(UserError, match=r"made of net.onnx, a graph whose outputs nobody here can decode"):
        _ = opened(next((room / "runs").glob("net-*"))).model


BAD = {
    "pixels": ({"set": ()}, "adopt.pixels: net.onnx does not say how it takes pixels"),
    "size": ({"set": ("adopt.size=64",)}, "size 64 x 64 given, and the graph takes 32 x 32"),
    "no file": ({"model": "/nowhere/net.onnx"}, "/nowhere/net.onnx: no such file"),
    "plan": (
        {"plan": "quick", "set": ()},
        "plan quick: train works on a network's weights and net.onnx is a graph; --plan graph",
    ),
    "init": ({"init": Path("x.safetensors")}, "--init: net.onnx is a graph, of which nothing is trained"),
    "budget": ({"budget": 1.0}, "--budget: net.onnx is a graph"),
    "search": ({"search": 3}, "--search: net.onnx is a graph"),
    "build": ({"set": ("model.width=0.5",)}, "--set model.width: a graph is as it is"),
    "bytes": ({"set": ("adopt.pixels=0..1", "quantize.pixels=uint8")}, "quantize.pixels: uint8 given"),
    "both": ({"set": ("adopt.pixels=0..1", "adopt.mean=[1,2,3]", "adopt.std=[1,1,1]")}, "one of the two"),
    "mean": ({"set": ("adopt.mean=[1,2,3]",)}, "mean and std go together"),
    "colours": ({"set": ("adopt.colours=grey",)}, "adopt.colours: 'grey' given"),
    "data": ({"data": "photos:/nowhere"}, "photos:/nowhere: no such folder"),
    "until": ({"until": "train"}, "'train' is not a stage of plan"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_clear_sentence(what: str, room: Path, photos: str) -> None:
    more, sentence = BAD[what]
    with pytest.raises(UserError) as wrong:
        given(room, photos, **more)  # type: ignore[arg-type]
    assert sentence in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_engines_of_a_graph_are_left_to_its_bundle(room: Path, photos: str, tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text("stages:\n  - adopt: {}\n  - build_engine: {}\n")
    with pytest.raises(UserError, match=r"of a graph the bundle's run\.py builds engines, on the device"):
        given(room, photos, plan=str(tmp_path / "engine.yaml"), target="jetson")


def test_a_folder_without_photos_is_refused(room: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no photos found"):
        given(room, f"photos:{tmp_path}")


def test_a_model_by_name_is_not_adopted_nor_judged_by_likeness(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"plan graph: adopt takes a graph; --model FILE\.onnx"):
        run(asked(tmp_path, plan="graph"))
    with pytest.raises(UserError, match="likeness given, and networks are judged by quality"):
        run(asked(tmp_path, set=("likeness=0.9",)))


def test_a_broken_file_exits_with_2_and_one_sentence(tmp_path: Path, photos: str) -> None:
    (tmp_path / "cut.onnx").write_bytes(b"\x08\x08")
    done = door("compress", "--model", tmp_path / "cut.onnx", "--data", photos, "--out", tmp_path / "runs")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cut.onnx" in done.stderr


def test_photos_alone_teach_nothing(photos: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no box to be found"):
        run(asked(tmp_path, data=photos))
