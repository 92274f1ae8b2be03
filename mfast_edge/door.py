"""What every command shares: mistakes become one sentence on standard error and an exit code."""

from __future__ import annotations

import errno
import re
import shlex
import signal
import sys
from typing import NoReturn

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from mfast_edge.errors import MfastError

PASSWORD = re.compile(r"(://[^/:?#]*):.*(?=@)|(?<=[?&]password=)[^&]*")


def door() -> typer.Typer:
    """An empty command line application."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def command(module: str) -> str:
    """The command as it was typed, to be written down: no password of a database or camera stays in it."""
    return shlex.join(["python", "-m", module, *map(hidden, sys.argv[1:])])


def hidden(address: str) -> str:
    """`postgresql://user:password@host/name` without the password; anything else as it is."""
    return PASSWORD.sub(r"\1", address)


def guarded(app: typer.Typer) -> NoReturn:
    """Run a command and exit.

    0 done · 1 a gate failed · 2 the user's mistake · 3 could not finish · 130, 143 signals.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(get_command(app)(standalone_mode=False))
    except MfastError as wrong:
        stop(str(wrong), wrong.exit_code)
    except TyperException as wrong:  # an option that does not exist, a value of the wrong kind
        stop(f"{wrong.format_message().rstrip('.')}; --help names what would be right", 2)
    except (KeyboardInterrupt, typer.Abort):
        stop("interrupted; the same command goes on from here", 130)
    except MemoryError:
        stop("out of memory; a smaller batch would be right: --set train.batch=8", 3)
    except OSError as wrong:
        stop(f"{wrong.filename or 'the disk'}: {wrong.strerror}; {remedy(wrong)} would be right", 3)
    except Exception as wrong:
        sentence = foreign(wrong)
        if sentence is None:
            raise
        stop(sentence, 3)


def remedy(wrong: OSError) -> str:
    """What helps against an operating system's refusal."""
    if wrong.errno in (errno.ENOENT, errno.EISDIR):
        return "a file that is still there"
    return "a place that can be written, with room (--out PATH),"


def foreign(wrong: Exception) -> str | None:
    """One sentence for what the sheds and libraries say in their own words; None for what nobody foresaw."""
    home, said = type(wrong).__module__.partition(".")[0], " ".join(str(wrong).split())
    if home in ("search", "export", "benchmarks"):
        return said
    if "out of memory" in said.lower() or "can't allocate memory" in said.lower():
        return "out of memory; a smaller batch would be right: --set train.batch=8"
    if type(wrong).__name__ == "SafetensorError":
        return f"weights could not be written or read: {said}; room on the disk would be right (--out PATH)"
    return None


def stop(sentence: str, code: int) -> NoReturn:
    """One sentence on standard error."""
    print(f"mfast-edge: {sentence}", file=sys.stderr)
    sys.exit(code)
