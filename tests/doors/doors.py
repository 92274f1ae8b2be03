"""Commands as a user types them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def door(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    """python -m mfast_edge.<name> words."""
    command = [sys.executable, "-m", f"mfast_edge.{name}", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def without_torch(name: str, *words: object) -> str:
    """What a command prints; fails where it loads torch or does not exit with 0."""
    code = (
        f"import sys; sys.argv = {['door', *map(str, words)]!r}\n"
        f"from mfast_edge.{name} import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(name: str, *words: object) -> str:
    """The one sentence with which a command refuses a mistake of the user's."""
    done = door(name, *words)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def folder(finished: Path) -> Path:
    """The run's folder in the folder of runs."""
    return next(finished.glob("tiny-*"))
