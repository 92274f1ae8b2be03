"""A bundle is data: held against its manifest, never followed out of its folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from export.board.faults import BundleError
from export.board.manifest import read
from tests.board.conftest import run


def test_a_whole_bundle_is_read(box: Path) -> None:
    assert read(box)["key"] == "k2"


@pytest.mark.parametrize(
    "name", ["../out.py", "/etc/hostname", "ssd/../../x", "a\\..\\x", "C:x", "ssd//decode.py", "./run.py", ""]
)
def test_a_name_that_leaves_the_folder_is_refused(box: Path, name: str) -> None:
    told: dict[str, Any] = json.loads((box / "manifest.json").read_text())
    told["files"][name] = {"sha256": "0" * 64, "bytes": 0}
    (box / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(BundleError, match="is no name inside the bundle"):
        read(box)


@pytest.mark.parametrize("name", ["run.py", "ssd/decode.py", "export_onnx.onnx", "check/photos/0.npy"])
def test_a_changed_or_missing_file_is_refused(box: Path, name: str) -> None:
    path = box / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match="not the file that"):
        read(box)
    path.unlink()
    with pytest.raises(BundleError, match="missing"):
        read(box)


@pytest.mark.parametrize("name", ["ssd", "ssd/decode.py", "manifest.json"])
def test_a_link_is_refused_even_to_the_right_bytes(box: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (box / name).rename(elsewhere)
    os.symlink(elsewhere, box / name)
    with pytest.raises(BundleError):
        read(box)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": []}', '{"files": {"run.py": 3}}', "\xff"])
def test_what_is_no_manifest_is_refused(box: Path, text: str) -> None:
    (box / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BundleError):
        read(box)


def test_run_refuses_a_changed_bundle_before_it_imports_the_decoder(box: Path) -> None:
    (box / "ssd" / "decode.py").write_text("raise SystemExit(7)\n")
    code, _, error = run(box, "check")
    assert code == 2
    assert "not the file that manifest.json names; copy the whole bundle again" in error


@pytest.mark.parametrize("name", ["evil.py", "../evil/decode.py", "results/decode.py"])
def test_a_decoder_that_the_bundle_does_not_hold_is_not_imported(box: Path, name: str) -> None:
    told = json.loads((box / "manifest.json").read_text())
    told["decoder"] = name
    (box / "manifest.json").write_text(json.dumps(told))
    (box / "evil.py").write_text("raise SystemExit(7)\n")
    code, _, error = run(box, "check", "--runtime", "onnxruntime")
    assert code == 2
    assert "is no decoder of this bundle" in error


def test_objects_pickled_into_an_array_are_not_loaded(box: Path) -> None:
    import numpy as np

    from tests.board.test_run import amend

    np.save(box / "check/photos/0.npy", np.array([{"a": 1}], object), allow_pickle=True)
    amend(box, "check/photos/0.npy")
    code, _, error = run(box, "check", "--runtime", "onnxruntime")
    assert code == 2
    assert "no array" in error
