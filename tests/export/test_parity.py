import numpy as np
import pytest

from export.errors import ExportError
from export.parity import Difference, compare, liken


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


def test_a_lost_channel_is_seen_beside_a_loud_one() -> None:
    right = np.concatenate([np.full((1, 4, 50), 300.0), np.linspace(0, 0.9, 50).reshape(1, 1, 50)], 1)
    other = right.copy()
    other[:, 4] = 0
    found = liken([((right,), (other,))], ["out"])["out"]
    assert found.cosine > 0.99999
    assert found.channel == 0
    assert found.max_abs == pytest.approx(0.9)


def test_a_channel_that_never_says_anything_is_not_counted() -> None:
    right = np.concatenate([np.full((1, 4, 50), 300.0), np.full((1, 1, 50), 1e-4)], 1)
    other = right.copy()
    other[:, 4] = 0
    assert liken([((right,), (other,))], ["out"])["out"].channel == pytest.approx(1)


def test_likeness_is_over_all_images_and_wants_one() -> None:
    one, two = np.ones((1, 6)), np.zeros((1, 6))
    assert liken([((one,), (one,)), ((one,), (two,))], ["out"])["out"].cosine == pytest.approx(0.5**0.5)
    with pytest.raises(ExportError, match="no images"):
        liken([], ["out"])


@pytest.mark.parametrize(("shape", "count"), [((1, 84, 90), 84), ((1, 90, 7), 7), ((1, 5, 9, 9), 5), ((1, 9, 9, 5), 5)])
def test_channels_are_the_axis_that_is_no_place(shape: tuple[int, ...], count: int) -> None:
    """The last channel alone is wrong: the others' cosines stay 1 only if it is cut along that axis."""
    right = np.random.default_rng(0).uniform(0.5, 1, shape)
    axis = next(place for place, size in enumerate(shape) if size == count)
    other = right.copy()
    np.moveaxis(other, axis, 0)[-1] *= -1
    assert liken([((right,), (other,))], ["out"])["out"].channel == pytest.approx(-1)
