from dataclasses import replace

import pytest

from benchmarks.report import slower, table
from benchmarks.results import Results
from tests.benchmarks.test_results import FOUND, ROW

NANO = {"board": "NVIDIA Jetson Nano", "threads": 4, "instructions": ["neon"]}
RUN = {"p50": 600.0, "p90": 650.0, "p99": 700.0, "calls": 1024.0, "seconds": 614.0}


def parts(text):
    """The lines of each table as {head: cell}, and the sentences."""
    tables, said = [], []
    for part in text.strip().split("\n\n"):
        lines = [line.strip("| ").split(" | ") for line in part.splitlines()]
        if part.startswith("|"):
            tables.append([dict(zip(lines[0], line, strict=True)) for line in lines[2:]])
        else:
            said = part.splitlines()
    return tables, said


def body(text):
    return parts(text)[0][0]


def one(row):
    """The details of one row."""
    return parts(table([replace(FOUND, rows=(row,))]))[0][1][0]


FULL = replace(
    ROW,
    forward_backward={"p50": 9.876, "p90": 1, "p99": 1},
    pre={"p50": 0.25, "p90": 1, "p99": 1},
    post={"p50": 0.5, "p90": 1, "p99": 1},
    end_to_end={"p50": 4.0, "p90": 1, "p99": 1},
    inputs={"image": [2, 3, 300, 300]},
    batch=2,
    how="eager",
    fused=True,
    precision="int8",
    memory={"peak": 150.4, "before": 100.0},
    roof=0.25,
    stream=RUN,
    mb=1.234,
    f1=0.81,
    score=0.9,
)


def test_the_columns_of_the_table_of_speed():
    (line,) = body(table([replace(FOUND, rows=(FULL,))]))
    assert line == {
        "Device": "AMD EPYC",
        "Model": "tiny",
        "Input": "2x3x300x300",
        "Runtime": "onnxruntime 1.31 eager",
        "Forward ms": "1.00",
        "Forward-Backward ms": "9.88",
        "Instruction set": "avx2",
        "Quantized": "int8",
        "Fused-BN": "on",
        "Remark": "–",
    }


def test_the_details_of_a_row_stand_with_their_figures():
    assert one(FULL) == {
        "Model": "tiny",
        "Runtime": "onnxruntime 1.31 eager",
        "Quantized": "int8",
        "Fused-BN": "on",
        "Threads": "1",
        "Batch": "2",
        "Forward p50 / p90 / p99 ms": "1.00 / 1.50 / 2.00",
        "Images/s": "2000.0",
        "Pre ms": "0.25",
        "Decode and NMS ms": "0.50",
        "End to end ms": "4.00",
        "Single stream p90 ms": "650.00 (1024 queries)",
        "Peak MB (over libraries)": "150 (+50)",
        "MB": "1.23",
        "Of the roof": "25%",
        "F1": "0.810",
        "Score": "0.900",
        "Gates": "weight passed",
    }


def test_columns_that_nobody_fills_are_left_out():
    columns = {"Model", "Runtime", "Threads", "Batch", "Forward p50 / p90 / p99 ms", "Images/s"}
    assert set(one(ROW)) == columns
    (line,) = body(table([FOUND]))
    assert {line[key] for key in ("Input", "Forward-Backward ms", "Quantized", "Fused-BN", "Remark")} == {"–"}


def test_a_row_that_could_not_be_measured_keeps_its_reason_and_has_no_details():
    tables, _ = parts(table([replace(FOUND, rows=(replace(ROW, forward=None, remark="no compiler here"),))]))
    ((line,),) = tables
    assert (line["Forward ms"], line["Remark"]) == ("–", "no compiler here")


def test_gates_are_those_of_the_run_else_the_weight():
    assert one(replace(ROW, mb=100.1))["Gates"] == "weight FAILED"
    loss = {"name": "loss on val", "limit": 1.0, "value": 0.4, "unit": "points", "passed": True}
    assert one(replace(ROW, mb=100.1, gates=(loss,)))["Gates"] == "loss on val passed"


def timed(ms, **more):
    return replace(ROW, forward={"p50": ms, "p90": ms, "p99": ms}, **{"model": "tiny", **more})


def test_int8_that_is_slower_than_float_is_warned_of():
    rows = (timed(2.0, precision="float32"), timed(3.0, precision="bfloat16"), timed(2.5, precision="int8"))
    _, said = parts(table([replace(FOUND, rows=rows)]))
    told = "int8 does not pay: tiny in onnxruntime 1.31, 1 threads, batch 1 2.50 ms, float32 2.00 ms"
    assert said == [f"- WARNING: {told}"]


@pytest.mark.parametrize(
    "other",
    [
        {"ms": 2.6},
        {"model": "b"},
        {"threads": 2},
        {"batch": 2},
        {"runtime": "openvino"},
        {"precision": "int8"},
        {"proxy": True},
    ],
)
def test_int8_is_compared_with_its_own_float_only(other):
    beside = timed(**{"ms": 2.0, "precision": "float32", **other})
    assert slower([beside, timed(2.5, precision="int8")]) == []


@pytest.mark.parametrize("more", [{"model": ""}, {"proxy": True}])
def test_nothing_is_said_of_int8_of_an_unknown_model_or_by_proxy(more):
    rows = [timed(ms, precision=precision, **more) for ms, precision in ((2.0, "float32"), (2.5, "int8"))]
    assert slower(rows) == []


def test_trouble_notes_and_short_streams_are_told():
    short = replace(ROW, stream={**RUN, "seconds": 3.0})
    _, said = parts(table([replace(FOUND, trouble=("the clock fell",), notes=("calibrated on noise",), rows=(short,))]))
    assert said[:2] == ["- calibrated on noise", "- WARNING: the clock fell"]
    assert "single stream of 1024 queries in 3 s; MLPerf's rule is 1024 queries and 600 s" in said[2]


def test_a_proxy_is_marked_and_stays_under_the_machine_that_measured():
    proxy = replace(ROW, proxy=True, remark="stands in for jetson")
    here, board = body(table([replace(FOUND, rows=(proxy,)), Results(NANO, "d", "c", (ROW,))]))
    assert (here["Device"], here["Remark"]) == ("AMD EPYC", "proxy, stands in for jetson")
    assert (board["Device"], board["Remark"]) == ("NVIDIA Jetson Nano", "–")


def test_a_bar_or_a_line_break_in_a_name_does_not_break_the_table():
    text = table([replace(FOUND, rows=(replace(ROW, name="a|b\nc"),))])
    assert "a\\|b c" in text
    assert len(text.split("\n\n")[0].splitlines()) == 3
