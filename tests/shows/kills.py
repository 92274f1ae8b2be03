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

DOOR = [sys.executable, "-m", "mfast_edge.compress", "--name", "run"]


def main() -> int:
    """0 if every disturbed run that ended has the bytes, the final key and the stages of the undisturbed one."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=20)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("rest", nargs="*")
    given = asked.parse_args()
    shutil.rmtree(given.out, ignore_errors=True)
    begun = time.monotonic()
    compress(given.out / "whole", given.rest)
    seconds = time.monotonic() - begun
    killed, ended = disturb(given, seconds)
    wrong = [found for folder in ended if (found := differences(given.out / "whole", folder))]
    files = len(digests(given.out / "whole"))
    print(f"undisturbed {seconds:.0f} s; killed {len(killed)} times, after {', '.join(f'{s:.1f}' for s in killed)} s")
    print(f"{len(ended)} disturbed runs ended; {files} candidate files each compared; differences: {wrong or 'none'}")
    return 1 if wrong or len(killed) < given.kills else 0


def compress(out: Path, rest: list[str]) -> None:
    """A run that nobody kills."""
    subprocess.run([*DOOR, "--out", str(out), *rest], check=False, stdout=subprocess.DEVNULL)


def disturb(given: argparse.Namespace, seconds: float) -> tuple[list[float], list[Path]]:
    """SIGKILL `kills` times in all, each at a random moment; a run that ends is kept and another begun."""
    chance = random.Random(given.seed)
    killed: list[float] = []
    folders = [given.out / "disturbed0"]
    while len(killed) < given.kills:
        after = chance.uniform(0.5, seconds * 0.6)
        run = subprocess.Popen([*DOOR, "--out", str(folders[-1]), *given.rest], stdout=subprocess.DEVNULL)
        try:
            run.wait(after)
            folders.append(given.out / f"disturbed{len(folders)}")
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            killed.append(after)
    compress(folders[-1], given.rest)
    return killed, folders


def differences(whole: Path, disturbed: Path) -> list[str]:
    """What is not as in the undisturbed run."""
    one, two = digests(whole), digests(disturbed)
    finals = [json.loads((folder / "run" / "final.json").read_text())["key"] for folder in (whole, disturbed)]
    found = [f"{name} differs" for name in one if two.get(name) != one[name]]
    found += [f"{name} is too many" for name in two.keys() - one.keys()]
    found += [] if finals[0] == finals[1] else [f"final keys {finals}"]
    return found + [f"{key} was made twice" for key in made_twice(disturbed)]


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of every candidate; probes and quality lie beside it and are derived."""
    files = [path for path in (folder / "store").glob("*/*") if path.is_file()]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def made_twice(folder: Path) -> list[str]:
    """Keys that the journal says were made (not found) more than once."""
    rows = [json.loads(line) for line in (folder / "run" / "journal.jsonl").read_text().splitlines()]
    made = [row["key"] for row in rows if row["seconds"] is not None]
    return sorted({key for key in made if made.count(key) > 1})


if __name__ == "__main__":
    sys.exit(main())
