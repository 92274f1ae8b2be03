"""The roofline: layers counted from files, the least time from the peak."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from export.roof import SHAPES, Layer, Rates, Shape, chain, layers, roofline, told
from export.sized import sized


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_multiply_adds_bytes_and_int8_are_counted_from_the_file(tmp_path: Path, shape: Shape) -> None:
    onnx.save(chain(shape), tmp_path / "float.onnx")
    found = layers(tmp_path / "float.onnx")
    cells, weights = shape.side**2, shape.channels**2 * shape.kernel**2
    moved = weights + 2 * shape.channels * cells
    assert found == [Layer(weights * cells, 4 * moved, False)] * shape.depth
    assert shape.macs == sum(one.macs for one in found)


def test_a_depthwise_convolution_and_int8_weights_are_counted(graph: Path, for_cpu: Path) -> None:
    plain, small = layers(graph), layers(for_cpu)
    macs = [27 * 16 * 32 * 32, 9 * 16 * 16 * 16, 16 * 32 * 16 * 16]
    assert [one.macs for one in plain][:3] == macs
    assert sorted(one.macs for one in small) == sorted(one.macs for one in plain)
    assert [one.int8 for one in plain] == [False] * 5
    assert [one.int8 for one in small] == [True] * 5
    assert sum(one.moved for one in small) * 4 == sum(one.moved for one in plain)


def test_the_roof_is_arithmetic_where_that_is_slow_and_memory_where_that_is() -> None:
    rates = Rates(int8=1e9, float32=1e8, memory=1e6)
    assert roofline([Layer(2_000_000, 1000, True)], rates) == pytest.approx(2.0)
    assert roofline([Layer(2_000_000, 1000, False)], rates) == pytest.approx(20.0)
    assert roofline([Layer(2_000_000, 5000, True)] * 2, rates) == pytest.approx(10.0)


def test_bfloat16_has_a_rate_and_a_width_of_its_own() -> None:
    rates = Rates(int8=1e9, float32=1e8, memory=1e6, bfloat16=2e8)
    assert roofline([Layer(2_000_000, 1000, False)], rates, "bfloat16") == pytest.approx(10.0)
    assert roofline([Layer(2_000_000, 60_000, False)], rates, "bfloat16") == pytest.approx(30.0)
    assert roofline([Layer(2_000_000, 1000, True)], rates, "bfloat16") == pytest.approx(2.0)


def test_a_batch_multiplies_the_arithmetic(graph: Path, tmp_path: Path) -> None:
    sized(graph, tmp_path / "four.onnx", {"image": (4, 3, 64, 64)})
    assert [one.macs for one in layers(tmp_path / "four.onnx")] == [4 * one.macs for one in layers(graph)]


def test_the_sentence_names_the_share_of_the_roof(graph: Path) -> None:
    rates = Rates(int8=1e9, float32=1e8, memory=1e9)
    least = roofline(layers(graph), rates)
    assert told("tiny", graph, rates, 2 * least).endswith("50% of the roof")
