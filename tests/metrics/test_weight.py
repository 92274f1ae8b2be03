from pathlib import Path

import pytest

from mfast_edge.metrics.weight import size


def test_a_megabyte_is_a_million_bytes(tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(bytes(2_500_000))
    assert size(tmp_path / "model.onnx") == 2.5


def test_a_folder_weighs_what_its_files_weigh(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "one").write_bytes(bytes(1_000_000))
    (tmp_path / "deep/two").write_bytes(bytes(500_000))
    assert size(tmp_path) == 1.5


def test_what_does_not_exist_has_no_weight(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        size(tmp_path / "missing")
