import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.report import table
from benchmarks.results import place, read, write
from tests.benchmarks.test_results import FOUND


def test_the_score_of_the_published_target_is_printed(capsys):
    assert main(["score", "0.7", "60"]) == 0
    assert capsys.readouterr().out == "1.1951\n"


def test_the_reference_of_a_score_can_be_given(capsys):
    assert main(["score", "0.5", "3", "--f1-ref", "0.5", "--t-ref", "3"]) == 0
    assert capsys.readouterr().out == "1.0000\n"


def test_all_results_under_the_folders_are_tabled_once(tmp_path, capsys):
    for run in ("a", "b"):
        write(place(tmp_path / run / "results", FOUND), FOUND)
    (tmp_path / "a" / "card.json").write_text("not a result")
    assert main([str(tmp_path), str(tmp_path / "b"), str(tmp_path / "b" / "results")]) == 0
    assert capsys.readouterr().out.count("| AMD EPYC | tiny |") == 2


def test_one_file_is_tabled(tmp_path, capsys):
    write(tmp_path / "mine.json", FOUND)
    assert main([str(tmp_path / "mine.json")]) == 0
    assert capsys.readouterr().out.count("| AMD EPYC | tiny |") == 1


def test_the_table_of_the_docs_is_joined_and_says_date_and_command(tmp_path, capsys):
    for run in ("a", "b"):
        write(place(tmp_path / run / "results", FOUND), FOUND)
    assert main([str(tmp_path), "--tables", str(tmp_path / "tables")]) == 0
    path = tmp_path / "tables" / "latency-amd-epyc-1t-avx2.json"
    assert len(read(path).rows) == 2
    text = path.with_suffix(".md").read_text()
    assert text.startswith("Measured on 2026-11-21 with\n\n```\nmake x\n```\n\n| Device | Model |")
    assert text.endswith(table([read(path)]))


def test_the_table_of_the_docs_can_say_another_command(tmp_path, capsys):
    write(tmp_path / "a.json", FOUND)
    assert main([str(tmp_path / "a.json"), "--tables", str(tmp_path), "--command", "make table"]) == 0
    assert read(tmp_path / "latency-amd-epyc-1t-avx2.json").command == "make table"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["score", "1.5", "60"], "f1 is 1.5; it is a share"),
        (["nowhere"], "nowhere: no such folder"),
        (["."], "holds no results"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("words", [[], ["score"], ["score", "much", "60"], ["score", "0.7", "60", "--loud"]])
def test_words_that_do_not_fit_are_one_sentence_and_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_broken_results_file_is_named(tmp_path, capsys):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "x.json").write_text("{")
    assert main([str(tmp_path)]) == 2
    assert "x.json: cannot be read as JSON" in capsys.readouterr().err


def test_the_module_runs_as_a_command():
    words = [sys.executable, "-m", "benchmarks", "score", "0.7", "43.162"]
    done = subprocess.run(words, capture_output=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout) == (0, b"1.0000\n")
