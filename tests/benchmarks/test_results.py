import json
from dataclasses import replace

import pytest

from benchmarks import results
from benchmarks.results import Results, ResultsError, Row, joined, place, read, table_file, write

FORWARD = {"p50": 1.0, "p90": 1.5, "p99": 2.0}
ROW = Row(
    name="tiny",
    file="m.onnx",
    runtime="onnxruntime",
    versions={"onnxruntime": "1.31"},
    threads=1,
    forward=FORWARD,
)
FOUND = Results({"cpu": "AMD EPYC", "threads": 1, "instructions": ["avx2"]}, "2026-11-21", "make x", (ROW,))


def test_what_is_written_is_read_back(tmp_path):
    path = place(tmp_path / "results", FOUND)
    write(path, FOUND)
    assert path.name == "amd-epyc-1t-avx2.json"
    assert read(path) == FOUND
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "r.json"
    write(path, FOUND)
    broken = Results({"x": float("nan")}, "d", "c", ())
    with pytest.raises(ResultsError, match="cannot be written"):
        write(path, broken)
    assert read(path) == FOUND
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_cut_short_before_its_last_step_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    write(path, FOUND)

    def die(source, target):
        raise OSError("no space left")

    monkeypatch.setattr(results.os, "replace", die)
    with pytest.raises(ResultsError, match="no space left"):
        write(path, Results({}, "other", "c", ()))
    assert read(path) == FOUND
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_of_the_docs_says_machine_date_and_command(tmp_path):
    path = tmp_path / "tables" / "house.json"
    table_file(path, [{"stage": "train", "map50": 0.9}], {"cpu": "x"}, "2026-11-21", "make house")
    assert json.loads(path.read_text()) == {
        "machine": {"cpu": "x"},
        "date": "2026-11-21",
        "command": "make house",
        "rows": [{"stage": "train", "map50": 0.9}],
    }


def broken(**changes):
    row = {
        "name": "a",
        "file": "f",
        "runtime": "r",
        "versions": {},
        "threads": 1,
        "forward": FORWARD,
        **changes,
    }
    return json.dumps({"machine": {}, "date": "d", "command": "c", "rows": [row]})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "wanted an object with machine"),
        ('{"machine": {}, "date": "d", "command": "c"}', "a list of rows"),
        ('{"machine": {}, "date": "d", "command": "c", "rows": [3]}', "row 0: got 3"),
        ('{"machine": {}, "date": "d", "command": "c", "rows": [{"name": "a"}]}', "missing .*'file'"),
        (broken(speed=3), r"unknown \['speed'\]"),
        (broken(threads="2"), "threads is '2'; wanted int"),
        (broken(threads=True), "threads is True; wanted int"),
        (broken(name=None), "name is None; wanted str"),
        (broken(mb="9"), "mb is '9'; wanted int or float"),
        (broken(forward=None), "lacks forward, and a remark that says why"),
        (broken(batch=1.5), "batch is 1.5; wanted int"),
        (broken(stream={"p50": 1, "p90": 1}), "stream lacks the number p99"),
        (broken(forward={"p50": 1, "p99": 1}), "forward lacks the number p90"),
        (broken(pre={}), "pre lacks the number p50"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, text, sentence):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(ResultsError, match=sentence) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResultsError, match=r"none\.json: cannot be read"):
        read(tmp_path / "none.json")


def test_optional_figures_may_be_null(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(broken(pre=None, mb=None, score=None, forward_backward=None))
    assert read(path).rows[0].mb is None


def test_a_row_that_could_not_be_measured_says_why(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(broken(forward=None, remark="no compiler here"))
    assert read(path).rows[0].remark == "no compiler here"


def test_state_and_notes_are_read_back(tmp_path):
    full = replace(FOUND, trouble=("the clock fell",), before={"load": 1.0}, notes=("drawn",))
    write(tmp_path / "r.json", full)
    assert read(tmp_path / "r.json") == full
    data = json.loads((tmp_path / "r.json").read_text())
    (tmp_path / "r.json").write_text(json.dumps({**data, "notes": "drawn"}))
    with pytest.raises(ResultsError, match="notes is 'drawn'; wanted a list"):
        read(tmp_path / "r.json")


def test_results_of_one_machine_are_joined():
    second = replace(FOUND, date="2026-11-22", command="make y", rows=(replace(ROW, name="other"),), trouble=("x",))
    both = joined([FOUND, second, second])
    assert [row.name for row in both.rows] == ["tiny", "other", "other"]
    assert (both.date, both.command, both.trouble) == ("2026-11-22", "make x; make y", ("x",))


def test_rows_of_joined_results_keep_the_peak_that_their_own_roof_follows_from(tmp_path):
    peaks = {"a": {"int8": 2e9, "memory": 1e9}, "b": {"int8": 3e9, "memory": 1e9}}
    found = [replace(FOUND, rows=(replace(ROW, model=name, roof=0.5, rates=peaks[name]),)) for name in peaks]
    write(tmp_path / "r.json", joined(found))
    assert {row.model: row.rates for row in read(tmp_path / "r.json").rows} == peaks


def test_results_of_two_machines_are_not_joined():
    with pytest.raises(ResultsError, match="results of amd-epyc-1t-avx2, other-1t-avx2; one table"):
        joined([FOUND, replace(FOUND, machine={**FOUND.machine, "cpu": "Other"})])
