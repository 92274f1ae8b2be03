"""Rows raced in the same rounds, and what is measured beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import Row
from benchmarks.score import score
from export.errors import Unreadable
from export.roof import Layer, Rates, roofline
from mfast_edge import raced, roofed
from mfast_edge.raced import REFERENCE, Entry, Log, Protocol, race, scored

PEAK = Rates(int8=4e9, float32=1e9, memory=1e9)
ROW = Row(name="a", file="a.onnx", runtime="onnxruntime", versions={}, threads=1)
FEW = Protocol(rounds=2, warmup=1, seconds=0.0)


def timed(ms: float, **more: Any) -> Row:
    summary = {"p50": ms, "p90": ms, "p99": ms}
    return Row(**{"name": "a", "file": "", "runtime": "r", "versions": {}, "threads": 1, "forward": summary, **more})


def test_every_part_of_an_entry_is_timed_and_one_without_calls_keeps_its_remark() -> None:
    called: list[str] = []
    entry = Entry(ROW, {"forward": lambda: called.append("f"), "end_to_end": lambda: called.append("e")})
    why = Entry(remarked(), {})
    first, second = race([entry, why], FEW, 1)
    assert (called.count("f"), called.count("e")) == (3, 3)
    assert first.forward is not None
    assert first.end_to_end is not None
    assert first.stream is None
    assert (second.forward, second.remark) == (None, "no compiler")


def remarked() -> Row:
    return Row(name="b", file="", runtime="onnxruntime", versions={}, threads=1, remark="no compiler")


def test_entries_of_which_none_can_be_called_are_told_all_the_same() -> None:
    assert race([Entry(remarked(), {})], FEW, 1) == [remarked()]


def test_a_single_stream_asks_for_whole_photos_where_it_can() -> None:
    called: list[str] = []
    calls = {"forward": lambda: called.append("f"), "end_to_end": lambda: called.append("e")}
    both, alone = Entry(ROW, calls), Entry(ROW, {"forward": lambda: called.append("alone")})
    rows = race([both, alone], Protocol(2, 1, 0.0, stream=(50, 0.0)), 1)
    assert [row.stream["calls"] for row in rows if row.stream] == [50.0, 50.0]
    assert (called.count("f"), called.count("e"), called.count("alone")) == (3, 58, 58)


def test_memory_and_roof_are_measured_only_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[Any] = []
    reached: list[Any] = []
    monkeypatch.setattr(raced, "weigh", lambda job: weighed.append(job) or {"peak": 9.0, "before": 4.0})
    monkeypatch.setattr(roofed, "measurable", lambda: True)
    monkeypatch.setattr(roofed, "calls", lambda threads: {"memory": lambda: None})
    monkeypatch.setattr(roofed, "seen", lambda threads, series: reached.append(sorted(series)))
    monkeypatch.setattr(roofed, "rates", lambda threads: PEAK)
    monkeypatch.setattr(roofed, "least", lambda file, peak, precision: 0.5)
    entry = Entry(ROW, {"forward": lambda: None}, Path("a.onnx"), {"graph": "a.onnx"})
    (plain,) = race([entry], FEW, 1)
    assert (plain.memory, plain.roof, weighed) == (None, None, [])
    (full,) = race([entry], Protocol(2, 1, 0.0, memory=True, roof=True), 1)
    assert (full.memory, full.roof, weighed) == ({"peak": 9.0, "before": 4.0}, 0.5, [{"graph": "a.onnx"}])
    assert reached == [["0 forward", "memory"]]
    assert full.remark == roofed.BEYOND  # a forward that does nothing takes less than 0.5 ms


def roofs(*kinds: str) -> list[Entry]:
    """Entries whose roof is told, or cannot be."""
    return [
        Entry(timed(0.0, precision="float32", remark="first"), {"forward": lambda: None}, Path(f"{kind}.onnx"))
        for kind in kinds
    ]


def test_a_graph_whose_layers_cannot_be_counted_keeps_its_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(file: Path) -> list[Layer]:
        if file.stem == "odd":
            raise Unreadable("odd.onnx: OpenVINO cannot count its layers: no such operator")
        return [Layer(1000, 10, False)]

    monkeypatch.setattr(roofed, "measurable", lambda: True)
    monkeypatch.setattr(roofed, "calls", lambda threads: {})
    monkeypatch.setattr(roofed, "seen", lambda threads, series: None)
    monkeypatch.setattr(roofed, "rates", lambda threads: PEAK)
    monkeypatch.setattr(roofed, "layers", counted)
    odd, plain = race(roofs("odd", "plain"), Protocol(2, 1, 0.0, roof=True), 1)
    assert (odd.roof, odd.rates) == (None, None)
    assert odd.forward is not None
    assert odd.remark == "first; no roof: odd.onnx: OpenVINO cannot count its layers: no such operator"
    assert plain.roof == pytest.approx(1e-3)


def test_every_row_keeps_the_peak_that_its_roof_follows_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak rises from model to model of one command; what earlier rows were held against stays theirs."""
    risen = iter([PEAK, replace(PEAK, float32=2e9)])
    monkeypatch.setattr(roofed, "measurable", lambda: True)
    monkeypatch.setattr(roofed, "calls", lambda threads: {})
    monkeypatch.setattr(roofed, "seen", lambda threads, series: None)
    monkeypatch.setattr(roofed, "rates", lambda threads: next(risen))
    monkeypatch.setattr(roofed, "layers", lambda file: [Layer(1000, 10, False)])
    log = Log(1, "command")
    for _ in range(2):
        log.rows += race(roofs("a"), Protocol(2, 1, 0.0, roof=True), 1)
    for row in log.ended().rows:
        assert row.rates is not None
        assert row.roof == roofline([Layer(1000, 10, False)], Rates(**row.rates), row.precision)
    assert [row.rates["float32"] for row in log.rows if row.rates] == [1e9, 2e9]


def end(ms: float, f1: float, **options: Any) -> Row:
    return timed(ms, end_to_end={"p50": ms, "p90": ms, "p99": ms}, f1=f1, options=options)


def test_a_score_counts_from_the_float_network_in_its_fastest_runtime() -> None:
    rows = [end(8.0, 0.8), end(20.0, 0.81, **{REFERENCE: True}), end(16.0, 0.81, **{REFERENCE: True})]
    found = [row.score for row in scored(rows)]
    assert found[0] == pytest.approx(score(0.8, 8.0, f1_ref=0.81, t_ref=16.0))
    assert found[2] == pytest.approx(1.0)


@pytest.mark.parametrize("reference", [end(16.0, 0.8, reference=True, run="other"), end(16.0, 0.8), timed(16.0)])
def test_without_a_reference_of_the_same_run_there_is_no_score(reference: Row) -> None:
    assert scored([end(8.0, 0.8), reference])[0].score is None


def test_a_log_holds_rows_state_and_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(1, "command", ("note",))
    log.before = {**log.before, "mhz": [9000.0]}
    monkeypatch.setattr(raced.machine, "trouble", lambda before, after, cores: [f"{before['mhz']} before"])
    log.rows.append(timed(1.0))
    made = log.ended()
    assert (made.notes, made.trouble, len(made.rows)) == (("note",), ("[9000.0] before",), 1)
    assert set(made.after) == set(made.before)


def test_the_peak_of_this_machine_is_measured_and_no_graph_beats_it(tmp_path: Path) -> None:
    if not roofed.measurable():
        pytest.skip("openvino is not on this machine")
    from export.roof import SHAPES, probes

    reached = roofed.rates(1)
    assert min(reached.int8, reached.float32, reached.memory) > 1e8
    files = probes(tmp_path)
    for shape in SHAPES:
        least = roofed.least(files["float32", shape], reached, "float32")
        assert least is not None
        assert least >= shape.macs / reached.float32 * 1e3 * 0.999
    assert roofed.least(files["float32", SHAPES[0]], reached, "float16") is None


def test_the_peak_is_the_best_round_of_any_shape_in_any_runtime_and_never_falls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from benchmarks.timing import Series
    from export.roof import SHAPES

    one, other = SHAPES[0], SHAPES[1]
    names = ["memory", f"int8 a {one.name}", f"int8 b {other.name}", f"float32 a {one.name}"]
    monkeypatch.setattr(roofed, "calls", lambda threads: dict.fromkeys(names))
    monkeypatch.setattr(roofed, "_reached", {})

    def rounds(*ms: float) -> dict[str, Series]:
        return {name: Series(name, tuple((one,) for one in ms)) for name in names}

    roofed.seen(1, rounds(8.0, 2.0, 4.0))
    best = max(one.macs, other.macs) / 2.0 * 1e3
    assert (roofed.rates(1).int8, roofed.rates(1).float32) == (best, one.macs / 2.0 * 1e3)
    assert roofed.rates(1).bfloat16 == 0.0
    roofed.seen(1, rounds(9.0, 3.0))
    assert roofed.rates(1).int8 == best
    roofed.seen(1, rounds(1.0))
    assert roofed.rates(1).int8 == 2 * best
