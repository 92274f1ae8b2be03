"""python -m mfast_edge.network: the table of a network in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mfast_edge.errors import UserError
from mfast_edge.network import app


def told(*words: str) -> list[str]:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output.splitlines()


def test_a_table_ends_in_one_line_on_the_whole() -> None:
    """A convolution of 3 to 8 channels, norm and all, on 32 x 32 cells; 8 features to 5 classes."""
    lines = told("tiny_net", "--classes", "5")
    assert lines[-1].startswith("tiny_net: 7 entries, ")
    assert lines[-1].endswith(" MACs at 64 px, 5 classes")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert cells[0][:4] == ["0", "-1", "1", "Conv"]
    assert cells[0][5:] == ["8 x 32 x 32", "232", "221,184"]
    assert cells[2][2] == "2"
    assert cells[5][5:] == ["5 x 1 x 1", "325", "320"]
    parameters = sum(int(row[6].replace(",", "")) for row in cells)
    assert f" {parameters:,} parameters" in lines[-1]


def test_multiples_go_on_top_of_the_file_s_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("width_multiple: 0.5\nbackbone: [[2, Conv, [64, 3, 2]]]\n")
    (row,) = (line for line in told(str(mine), "--width", "0.5", "--depth", "2", "--size", "32") if "Conv" in line)
    assert [row.split("│")[place].strip() for place in (3, 6)] == ["4", "16 x 16 x 16"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["mobilenet_v9"], "mobilenet_v9: 'mobilenet_v9' is not known; known: efficientnet_b0"),
        (["tiny_net", "--size", "8"], "--size, --width, --depth: 8, 1 and 1 given; 32 to 8192 px"),
        (["tiny_net", "--size", "1000000000"], "--size, --width, --depth: 1000000000, 1 and 1 given; 32 to 8192 px"),
        (["tiny_net", "--width", "nan"], "--size, --width, --depth: 64, nan and 1 given; 32 to 8192 px"),
        (["tiny_net", "--depth", "inf"], "--size, --width, --depth: 64, 1 and inf given; 32 to 8192 px"),
    ],
)
def test_what_is_wrong_is_one_sentence(words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UserError)
    assert str(done.exception).startswith(sentence)
