"""The list of commands, their help, and what all doors do with mistakes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mfast_edge.__main__ import COMMANDS, main
from tests.doors.doors import door, refused, without_torch


def test_the_commands_are_named_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2].removeprefix("mfast_edge.") for line in lines] == list(COMMANDS)


def test_an_unknown_command_is_refused_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["squeeze"])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert "'squeeze' is not a command; known: compress," in told
    assert told.count("\n") == 1


def test_a_named_command_is_run() -> None:
    done = subprocess.run([sys.executable, "-m", "mfast_edge", "predict", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "detections" in done.stdout or "Draw" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_quick_and_loads_no_torch(name: str) -> None:
    assert "--help" in without_torch(name, "--help")
    took = []
    for _ in range(3):
        began = time.perf_counter()
        door(name, "--help")
        took.append(time.perf_counter() - began)
    assert min(took) < 1.0


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_refused_in_one_sentence(name: str) -> None:
    assert "--no-such" in refused(name, "--no-such-option")
