"""Tries the steps of a Dockerfile that need no Docker: those between `# try` and `# end`, in a folder of copies.

`python -m tests.shows.docker_steps Dockerfile.x86 --python PYTHON [--arg DEVICE=cpu]` prints a line for each step.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction, continued lines joined, and whether it can be tried without Docker."""

    word: str
    text: str
    tryable: bool = False


def steps(text: str) -> Iterator[Step]:
    """The instructions of a Dockerfile. ValueError for a mark without its end, or that holds anything but RUN."""
    tryable, held = False, ""
    for line in map(str.strip, text.splitlines()):
        if line in ("# try", "# end"):
            if tryable == (line == "# try"):
                raise ValueError(f"{line}: marks come in pairs")
            tryable = line == "# try"
        elif line and not line.startswith("#"):
            held += line.removesuffix("\\")
            if not line.endswith("\\"):
                word, _, rest = held.partition(" ")
                if tryable and word != "RUN":
                    raise ValueError(f"{held}: only RUN can be tried")
                yield Step(word, rest.strip(), tryable)
                held = ""
    if tryable or held:
        raise ValueError("the file ends inside a step")


def arguments(every: Sequence[Step]) -> dict[str, str]:
    """What ARG and ENV give, by name, as the file has it."""
    found: dict[str, str] = {}
    for step in every:
        if step.word == "ARG":
            name, _, value = step.text.partition("=")
            found[name] = value
    return found


def copied(every: Sequence[Step], folder: Path) -> None:
    """What COPY takes along, in `folder`: what is missing there is missing in the image."""
    for step in every:
        if step.word == "COPY":
            *sources, target = step.text.split()
            for source in sources:
                place = folder / target if len(sources) == 1 and target != "./" else folder / source
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, place)


def tried(text: str, python: Path, given: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """(step, exit code, last line said) of each marked step, run by bash with `python` first on the path."""
    every = list(steps(text))
    with TemporaryDirectory() as room:
        work, tools = Path(room) / "app", Path(room) / "bin"
        for folder in (work, tools):
            folder.mkdir()
        for name in ("python", "python3"):  # no links: through one a virtual environment is not found
            (tools / name).write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
            (tools / name).chmod(0o755)
        copied(every, work)
        path = f"{tools}:{python.parent}:{os.environ['PATH']}"
        surroundings = {**os.environ, **arguments(every), **given, "PATH": path, "PYTHONPATH": str(work)}
        for step in every:
            if step.tryable:
                command = step.text.replace("/tmp/", f"{room}/")
                done = subprocess.run(
                    ["bash", "-o", "pipefail", "-c", command],
                    cwd=work,
                    env=surroundings,
                    capture_output=True,
                    text=True,
                )
                said = (done.stdout + done.stderr).strip().splitlines()
                yield step.text, done.returncode, said[-1] if said else ""


def main() -> int:
    """0: every step that can be tried went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.shows.docker_steps", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="a virtual environment's")
    parser.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    text = asked.file.read_text()
    worst = 0
    for step, code, said in tried(text, asked.python.absolute(), dict(one.split("=", 1) for one in asked.arg)):
        worst = max(worst, abs(code))
        print(
            f"{asked.file.name}: {'ok' if code == 0 else f'FAILED ({code})'}: {step[:90]}"
            + (f"  [{said}]" if code else "")
        )
    for step in steps(text):
        if not step.tryable:
            print(f"{asked.file.name}: needs Docker: {step.word} {step.text[:80]}")
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
