import dataclasses

import pytest

from benchmarks.gates import Gate, at_least, at_most, weight


def test_a_megabyte_is_a_million_bytes():
    assert weight(100_000_000) == Gate("weight", 100.0, 100.0, "MB", True)
    assert not weight(100_000_001).passed
    assert not weight(2_000_001, limit_mb=2).passed


def test_a_gate_passes_at_its_limit():
    assert at_most("latency", 5.0, 5.0, "ms").passed
    assert not at_most("latency", 5.1, 5.0, "ms").passed
    assert at_least("f1", 0.7, 0.7, "").passed
    assert not at_least("f1", 0.69, 0.7, "").passed


@pytest.mark.parametrize("gate", [at_most, at_least])
def test_what_is_not_a_number_never_passes(gate):
    assert not gate("x", float("nan"), 1.0, "").passed


def test_a_gate_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        weight(1).passed = False
