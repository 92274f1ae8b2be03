"""Workers of a search on this machine: the same command in so many processes of one thread each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mfast_edge.errors import Unfinished

LOOK = 1.0  # seconds between two looks at the study, at least
REST = 50  # times as long as the last look took: reading a long study takes no core from who trains and measures
FAREWELL = 20.0  # seconds for a process to end by itself


def toil(count: int, words: Sequence[str], folder: Path, look: Callable[[], None], tell: Callable[[str], None]) -> None:
    """Returns when all workers have ended; one that dies is told and no harm: another one tries its settings again.

    Unfinished: none ended well. Interrupted, it leaves none behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hands = [hand(number, words, log(folder, number)) for number in range(count)]
    lost, due = set[int](), 0.0
    try:
        while any(one.poll() is None for one in hands):
            time.sleep(LOOK)
            if (begun := time.monotonic()) >= due:
                look()
                due = begun + REST * (time.monotonic() - begun)
            for number in sorted({number for number, one in enumerate(hands) if one.poll()} - lost):
                lost.add(number)
                tell(f"worker {number} ended with exit code {hands[number].returncode}; the others go on")
    finally:
        for one in hands:
            one.terminate()
        for one in hands:
            leave(one)
    if all(one.returncode for one in hands):
        lines = log(folder, 0).read_text().strip().splitlines() or [f"exit code {hands[0].returncode}"]
        raise Unfinished(f"workers: none of {count} ended well; the first said: {lines[-1].strip()}")


def hand(number: int, words: Sequence[str], told: Path) -> subprocess.Popen[bytes]:
    """Start a worker; what it says goes into its own file."""
    command = [sys.executable, "-m", "mfast_edge.tune", *words, "--place", str(number)]
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with told.open("wb") as stream:
        return subprocess.Popen(command, env=os.environ | alone, stdout=subprocess.DEVNULL, stderr=stream)


def log(folder: Path, number: int) -> Path:
    """Where a worker's standard error goes."""
    return folder / f"worker-{number}.log"


def leave(one: subprocess.Popen[bytes]) -> None:
    """Wait for a worker's end, and do not wait for ever."""
    try:
        one.wait(FAREWELL)
    except subprocess.TimeoutExpired:
        one.kill()
        one.wait()
