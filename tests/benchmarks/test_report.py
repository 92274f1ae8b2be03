from dataclasses import replace

from benchmarks.report import HEAD, table
from benchmarks.results import Results
from tests.benchmarks.test_results import FOUND, ROW

EMPTY = ("Forward-Backward ms", "Pre ms", "Decode and NMS ms", "End to end ms", "Quantized", "MB", "Score")
NANO = {"board": "NVIDIA Jetson Nano", "threads": 4, "instructions": ["neon"]}


def body(text):
    lines = text.splitlines()[2:]
    return [dict(zip(HEAD, line.strip("| ").split(" | "), strict=True)) for line in lines]


def test_every_row_stands_with_its_figures():
    full = replace(
        ROW,
        forward_backward={"p50": 9.876, "p90": 1, "p99": 1},
        pre={"p50": 0.25, "p90": 1, "p99": 1},
        post={"p50": 0.5, "p90": 1, "p99": 1},
        end_to_end={"p50": 4.0, "p90": 1, "p99": 1},
        precision="int8",
        mb=1.234,
        score=0.9,
    )
    (line,) = body(table([replace(FOUND, rows=(full,))]))
    assert line == {
        "Device": "AMD EPYC",
        "Model": "tiny",
        "Runtime": "onnxruntime 1.31",
        "Threads": "1",
        "Forward p50/p90/p99 ms": "1.00 / 1.50 / 2.00",
        "Forward-Backward ms": "9.88",
        "Pre ms": "0.25",
        "Decode and NMS ms": "0.50",
        "End to end ms": "4.00",
        "Instruction set": "avx2",
        "Quantized": "int8",
        "MB": "1.23",
        "Score": "0.900",
        "Remark": "–",
    }


def test_what_was_not_measured_stays_empty():
    (line,) = body(table([FOUND]))
    assert {line[key] for key in EMPTY} == {"–"}


def test_a_proxy_is_marked_and_stays_under_the_machine_that_measured():
    proxy = replace(ROW, proxy=True, remark="stands in for jetson")
    here, board = body(table([replace(FOUND, rows=(proxy,)), Results(NANO, "d", "c", (ROW,))]))
    assert (here["Device"], here["Remark"]) == ("AMD EPYC", "proxy, stands in for jetson")
    assert (board["Device"], board["Remark"]) == ("NVIDIA Jetson Nano", "–")


def test_a_bar_or_a_line_break_in_a_name_does_not_break_the_table():
    text = table([replace(FOUND, rows=(replace(ROW, name="a|b\nc"),))])
    assert "a\\|b c" in text
    assert len(text.splitlines()) == 3
