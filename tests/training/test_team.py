"""Several processes train as one would: the same loss curve, norms' statistics and weights."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import distributed

from mfast_edge.training.team import Team, extremes
from tests.training.together import network, trained

# Sums are taken in another order, so float32's last bits differ; Adam divides by a gradient's size and may make
# of a gradient that is all rounding a step of full length.
CURVE, WEIGHTS = 1e-4, 2e-3


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """(loss curve, state_dict) of one process, and (…, …, extremes) of process 0 of two."""
    file = tmp_path_factory.mktemp("team") / "found.pt"
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # type: ignore[attr-defined]
    command = [sys.executable, "-m", "tests.training.together"]
    surroundings = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
    started = [
        subprocess.Popen([*command, str(rank), "2", str(store.port), str(file)], env=surroundings) for rank in (0, 1)
    ]
    try:
        assert [one.wait(240) for one in started] == [0, 0]
    finally:
        for one in started:
            one.kill()
    return trained(Team()), torch.load(file, weights_only=True)


def test_two_processes_have_the_loss_curve_of_one(both: tuple[Any, Any]) -> None:
    (alone, _), (together, _, _) = both
    assert len(alone) == 5
    assert together == pytest.approx(alone, rel=CURVE)


def test_they_end_with_the_same_weights_and_statistics_of_norms(both: tuple[Any, Any]) -> None:
    (_, alone), (_, together, _) = both
    start = network().state_dict()
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=WEIGHTS, atol=WEIGHTS * 0.1)
        assert not torch.equal(start[name], value), name  # all of it was trained


def test_what_rounds_sees_the_extremes_of_all_processes(both: tuple[Any, Any]) -> None:
    assert both[1][2] == (-5.0, 6.0)
    assert extremes(torch.tensor([-1.0, 2.0])) == (-1.0, 2.0)
