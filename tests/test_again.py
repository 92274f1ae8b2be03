from pathlib import Path

import pytest

from mfast_edge.again import command, text
from mfast_edge.networks import files
from mfast_edge.settings import assignments
from tests.conftest import asked

NETWORK = {"name": "drawn", "backbone": [[1, "GlobalAvgPool", []], [1, "Flatten", []], [1, "Linear", ["classes"]]]}


def test_a_drawn_network_becomes_a_file_that_the_command_names(tmp_path: Path) -> None:
    plain = asked(tmp_path, model="classifier", set=("seed=3",))
    told = command(plain, {"model.network": NETWORK, "train.lr": 1e-5, "model.size": 64}, tmp_path)
    assert f"--model {tmp_path / 'winner.yaml'}" in told
    assert "--set seed=3" in told
    assert "--set model.size=64" in told
    assert "model.network" not in told
    assert files.read(str(tmp_path / "winner.yaml"))["backbone"] == NETWORK["backbone"]


def test_a_network_by_name_stays_a_setting(tmp_path: Path) -> None:
    told = command(asked(tmp_path, model="classifier"), {"model.network": "tiny_net"}, tmp_path)
    assert "--model classifier" in told
    assert "--set model.network=tiny_net" in told
    assert not (tmp_path / "winner.yaml").exists()


@pytest.mark.parametrize("value", [1e-5, 0.5, 64, "simple", True, None, [1, 2], "1e-4"])
def test_values_are_written_as_set_reads_them(value: object) -> None:
    assert assignments([f"a.b={text(value)}"]) == {"a.b": value}
