import hashlib
import json
import os
from pathlib import Path

import pytest

from export import bundle as room
from export.bundle import bundle, travels
from export.errors import ExportError


@pytest.fixture
def travelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One travelling file instead of the project's."""
    path = tmp_path / "boxes.py"
    path.write_bytes(b"x = 1\r\n")
    monkeypatch.setattr(room, "travels", lambda: {"ssd/boxes.py": path})
    return path


def test_files_arrive_byte_for_byte_with_their_hashes(travelling: Path, graph: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "bundle"
    bundle(folder, {"model.onnx": graph}, {"labels": ["a"]})
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["labels"] == ["a"]
    assert set(manifest["files"]) == {"model.onnx", "ssd/boxes.py"}
    for name, source in {"model.onnx": graph, "ssd/boxes.py": travelling}.items():
        content = (folder / name).read_bytes()
        assert content == source.read_bytes()
        assert manifest["files"][name] == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_an_older_bundle_is_replaced_and_nothing_is_left_beside(travelling: Path, graph: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "bundle"
    bundle(folder, {"old.onnx": graph}, {})
    bundle(folder, {"new.onnx": graph}, {})
    assert sorted(os.listdir(folder)) == ["manifest.json", "new.onnx", "ssd"]
    assert os.listdir(folder.parent) == ["bundle"]


def test_what_run_py_wrote_stays(travelling: Path, graph: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    bundle(folder, {"model.onnx": graph}, {})
    (folder / "results").mkdir()
    (folder / "results" / "bench.json").write_text("{}")
    bundle(folder, {"model.onnx": graph}, {})
    assert (folder / "results" / "bench.json").read_text() == "{}"


def test_a_missing_source_leaves_the_older_bundle_as_it_was(travelling: Path, graph: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    bundle(folder, {"model.onnx": graph}, {})
    with pytest.raises(ExportError, match="no such file to bundle"):
        bundle(folder, {"model.onnx": tmp_path / "none"}, {})
    assert sorted(os.listdir(folder)) == ["manifest.json", "model.onnx", "ssd"]


@pytest.mark.parametrize("name", ["../out", "/etc/x", "manifest.json", "ssd/boxes.py", ""])
def test_a_name_that_leaves_the_folder_or_is_taken_is_refused(
    travelling: Path, graph: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ExportError, match="no name for a file of a bundle"):
        bundle(tmp_path / "bundle", {name: graph}, {})
    assert not (tmp_path / "bundle").exists()


def test_every_travelling_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = travels()
    assert {"boxes.py", "ssd/decode.py", "yolo9000/decode.py", "timing.py"} <= set(found)
    assert [path for path in found.values() if not path.is_file()] == []
