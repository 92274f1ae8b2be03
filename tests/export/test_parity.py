import numpy as np
import pytest

from export.errors import ExportError
from export.parity import Difference, compare


def test_equal_outputs_differ_by_nothing() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert compare([array], [array], ["a"]) == {"a": Difference(0.0, 0.0, pytest.approx(1.0))}


def test_differences_are_told_per_output() -> None:
    found = compare([np.array([3.0, 4.0]), np.array([1.0])], [np.array([4.0, -3.0]), np.array([-2.0])], ["a", "b"])
    assert (found["a"].max_abs, found["a"].mean_abs, found["a"].cosine) == (7.0, 4.0, 0.0)
    assert found["b"] == Difference(3.0, 3.0, -1.0)


def test_zeros_beside_something_are_not_alike() -> None:
    assert compare([np.zeros(2)], [np.ones(2)], ["a"])["a"].cosine == 0.0
    assert compare([np.zeros(2)], [np.zeros(2)], ["a"])["a"].cosine == 1.0


def test_runs_of_different_graphs_are_refused() -> None:
    with pytest.raises(ExportError, match=r"a: .* beside"):
        compare([np.zeros(2)], [np.zeros(3)], ["a"])
    with pytest.raises(ExportError, match="give as many of each"):
        compare([np.zeros(2)], [], ["a"])
