"""What the comparison's table says is worked out right from its rows."""

from __future__ import annotations

import pytest

from tests.shows.peers import table
from tests.shows.peers.verdict import GOALS, ours, verdict


def row(name: str, ms: float, map50: float, **more: float) -> table.Row:
    """A row that lost nothing, but for what is given."""
    zero = {f"{drop}_{part}": 0.0 for drop in ("drop", "map_drop") for part in ("points", "low", "high")}
    times = {"forward_ms_1t": ms, "e2e_ms_1t": ms + 1, "forward_rounds_1t": [ms] * 9, "e2e_rounds_1t": [ms + 1] * 9}
    return {"name": name, "map50": map50, "map": map50, "mb": 3.0, **times, **zero, **more}


def said(rows: list[table.Row], goals: str = "peers") -> list[str]:
    return [line.text for line in verdict(rows, GOALS[goals])]


def test_the_best_peer_is_the_fastest_that_keeps_its_accuracy() -> None:
    rows = [
        row("ort-openvino", 2.0, 0.9),
        row("pruned-0.5-openvino", 1.0, 0.8, drop_points=10.0),
        row("nncf-mixed-openvino", 1.5, 0.9, map_drop_points=1.6),
        row("float-onnxruntime", 0.1, 0.9),
        row("naive-0.35-192-openvino", 3.0, 0.8),
        row("ours-openvino", 0.8, 0.9),
    ]
    forward = next(line for line in said(rows) if line.startswith("forward"))
    assert "best rival ort-openvino 2.000 ms: 2.50x [2.50, 2.50]" in forward
    assert forward.endswith("reached")
    whole = next(line for line in said(rows) if line.startswith("end to end"))
    assert "1.67x" in whole
    assert whole.endswith("MISSED")


def test_a_faster_row_of_ours_that_loses_too_much_is_not_the_one_that_counts() -> None:
    rows = [row("ort-openvino", 2.0, 0.9), row("ours-a", 0.1, 0.5, drop_points=40.0), row("ours-b", 1.0, 0.9)]
    assert "ours-b 1.000 ms" in next(line for line in said(rows) if line.startswith("forward"))


def test_where_all_of_ours_lose_too_much_the_one_that_loses_least_is_told() -> None:
    rows = [row("ours-a", 0.1, 0.5, drop_points=40.0), row("ours-b", 1.0, 0.8, drop_points=2.0)]
    assert ours(rows, GOALS["peers"])["name"] == "ours-b"
    assert ours([*rows, row("ours-c", 3.0, 0.9)], GOALS["peers"])["name"] == "ours-c"


def test_the_interval_of_a_ratio_comes_from_the_same_rounds() -> None:
    drift = [1.0, 1.5, 2.0, 1.0, 1.2, 1.9, 1.1, 1.0, 1.3]
    mine, rival = (row(name, ms, 0.9) | {"forward_rounds_1t": [ms * one for one in drift]} for name, ms in
                   (("ours", 1.0), ("ort-openvino", 3.0)))  # fmt: skip
    assert "3.00x [3.00, 3.00] as fast" in said([mine, rival])[2]


def test_speed_at_too_many_points_lost_reaches_nothing() -> None:
    rows = [row("ort-openvino", 2.0, 0.9), row("ours-a", 0.1, 0.5, drop_points=1.01)]
    lines = verdict(rows, GOALS["peers"])
    assert [line.reached for line in lines if line.said.startswith(("forward", "end to end"))] == [False, False]
    assert any("1.01 points of mAP@.5 lost" in line.said and line.reached is False for line in lines)


@pytest.mark.parametrize(
    ("ms", "map50", "above"),
    [(1.0, 0.81, True), (1.0, 0.80, False), (0.9, 0.80, True), (1.1, 0.79, False), (2.5, 0.91, True), (0.5, 0.1, True)],
)
def test_a_row_is_above_the_front_where_no_naive_one_is_as_fast_and_as_good(
    ms: float, map50: float, above: bool
) -> None:
    rows = [row("naive-0.5-300", 2.0, 0.9), row("naive-0.35-192", 1.0, 0.8), row("ours", ms, map50)]
    found = [line.reached for line in verdict(rows, GOALS["peers"]) if "naive front" in line.said]
    assert found == [above, above]


def test_without_naive_rows_nothing_is_above_a_front() -> None:
    assert "no naive rows: no front to be above: MISSED" in said([row("ours", 1.0, 0.9)])


def test_vgg_is_judged_by_its_float_file_its_weight_and_its_own_quality() -> None:
    rows = [row("float-onnxruntime", 120.0, 0.84), row("ours", 10.0, 0.83, mb=10.1, drop_points=0.8)]
    lines = said(rows, "peers-vgg")
    assert "12.00x [12.00, 12.00] as fast; goal 12x within the points allowed: reached" in lines[2]
    assert lines[-2].endswith("MISSED"), "10.1 MB"
    assert lines[-1].endswith("MISSED"), "float at .84 does not count"


def test_a_row_of_the_table_is_the_median_over_seeds_and_keeps_each() -> None:
    lost = {name: {"points": 0.5, "low": -0.5, "high": 1.0} for name in ("map50", "map")}

    def single(map50: float) -> table.Row:
        parts = {part: {"p50": 2.0, "spread": 0.1, "rounds": [map50, 1.0]} for part in ("forward", "end_to_end")}
        figures = {split: {"map50": map50, "map": 0.5, "lost": lost} for split in ("val", "test")}
        return table.single(figures, {1: parts}, 3.4)

    found = table.merged("ort-openvino", {seed: single(map50) for seed, map50 in enumerate((0.9, 0.7, 0.8))})
    named = ("name", "map50", "map", "drop_low", "drop_high", "mb", "forward_ms_1t", "e2e_ms_1t", "seeds")
    assert [found[name] for name in named] == ["ort-openvino", 0.8, 0.5, -0.5, 1.0, 3.4, 2.0, 2.0, 3]
    assert found["forward_rounds_1t"] == [0.8, 1.0]
    assert [one["map50"] for one in found["each"]] == [0.9, 0.7, 0.8]
    assert "| ort-openvino | 3 | 0.8000 |" in table.markdown([found])
