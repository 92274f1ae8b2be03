"""Kill a run at random moments, run it again until it ends, compare every file with an undisturbed run.

python -m tests.shows.kills --kills 20 --out FOLDER -- --model tiny --plan tiny [more of compress's arguments]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

DOOR = [sys.executable, "-m", "mfast_edge.compress"]


def main() -> int:
    """0 if every candidate has the same bytes in both runs and no finished stage was repeated."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=20)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--whole", type=Path, help="an undisturbed run's folder, if there is one already")
    asked.add_argument("rest", nargs="*")
    given = asked.parse_args()
    whole = given.whole or given.out / "whole"
    seconds = undisturbed(whole, given.rest)
    disturbed = given.out / "disturbed"
    shutil.rmtree(disturbed, ignore_errors=True)
    killed = disturb(disturbed, given, seconds)
    return told(whole, disturbed, killed)


def undisturbed(out: Path, rest: list[str]) -> float:
    """Seconds of a run that nobody kills."""
    begun = time.monotonic()
    subprocess.run([*DOOR, "--out", str(out), *rest], check=False, stdout=subprocess.DEVNULL)
    return max(time.monotonic() - begun, 10.0)


def disturb(out: Path, given: argparse.Namespace, seconds: float) -> list[float]:
    """SIGKILL `kills` times, each after a random part of an undisturbed run's time; then let it end."""
    chance = random.Random(given.seed)
    killed: list[float] = []
    while len(killed) < given.kills:
        after = chance.uniform(0.5, seconds / 3)
        run = subprocess.Popen([*DOOR, "--out", str(out), *given.rest], stdout=subprocess.DEVNULL)
        try:
            run.wait(after)
            shutil.rmtree(out, ignore_errors=True)  # it ended before the kill: begin again
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            killed.append(after)
    subprocess.run([*DOOR, "--out", str(out), *given.rest], check=False, stdout=subprocess.DEVNULL)
    return killed


def told(whole: Path, disturbed: Path, killed: list[float]) -> int:
    """One line; the exit code."""
    one, two = (digests(folder) for folder in (whole, disturbed))
    finals = [json.loads(next(folder.glob("*/final.json")).read_text())["key"] for folder in (whole, disturbed)]
    shared = one.keys() & two.keys()
    differing = sorted(name for name in shared if one[name] != two[name])
    repeated = stages_made_twice(disturbed)
    print(
        f"{len(killed)} kills: {len(shared)} files in both runs, {len(differing)} differ {differing}; "
        f"files in one run only: {len(one.keys() ^ two.keys())}; final keys equal: {finals[0] == finals[1]}; "
        f"stages made twice: {repeated}"
    )
    return 0 if not differing and shared and finals[0] == finals[1] and not repeated else 1


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of every candidate; probes and quality lie beside it and are derived."""
    files = [path for path in (folder / "store").glob("*/*") if path.is_file()]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def stages_made_twice(folder: Path) -> list[str]:
    """Keys that the journal says were made (not found) more than once."""
    journal = next(folder.glob("*/journal.jsonl"))
    made = [row["key"] for row in map(json.loads, journal.read_text().splitlines()) if row["seconds"] is not None]
    return sorted({key for key in made if made.count(key) > 1})


if __name__ == "__main__":
    sys.exit(main())
