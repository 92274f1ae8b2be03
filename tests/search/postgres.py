"""Starts a PostgreSQL of its own for tests, from Debian's package, or says why it cannot."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy

from search.database import address

OWNERS = ("postgres", "nobody")  # whom a server is started as where we are root, which it refuses


@contextmanager
def postgres() -> Iterator[str]:
    """A new server on a free port of this machine, in a temporary folder: the URL of an empty database. Skips."""
    if not (find_spec("psycopg") or find_spec("psycopg2")):
        pytest.skip("no driver for PostgreSQL: pip install 'psycopg[binary]'")
    programs = found()
    owner = next((name for name in OWNERS if known(name)), "") if os.getuid() == 0 else ""
    if os.getuid() == 0 and not owner:
        pytest.skip(f"PostgreSQL does not run as root, and there is none of {OWNERS}")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path is short
    try:
        if owner:
            shutil.chown(folder, owner)
        as_owner = ["setpriv", f"--reuid={owner}", "--clear-groups"] if owner else []
        make = [*as_owner, programs / "initdb", "-D", folder / "data", "-U", "search", "-A", "trust", "--no-sync"]
        done = subprocess.run(make, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"initdb fails here: {done.stderr.strip().splitlines()[-1]}")
        yield from served([*as_owner, programs / "postgres"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def served(command: list[str | Path], folder: Path) -> Iterator[str]:
    """The URL of a database in a folder made by initdb, as long as it is wanted."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    with (folder.parent / f"{folder.name}.log").open("w+") as said:
        server = subprocess.Popen(
            [*command, "-D", folder / "data", "-p", str(port), *options], cwd=folder, stdout=said, stderr=said
        )
        try:
            ready(server, port, said.name)
            yield f"postgresql://search@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # does not wait for whoever is still connected
            server.wait(20)
            Path(said.name).unlink()


def ready(server: subprocess.Popen[bytes], port: int, said: str) -> None:
    """Wait until it answers. Skips where it does not."""
    engine = sqlalchemy.create_engine(address(f"postgresql://search@127.0.0.1:{port}/postgres"))
    for _ in range(100):
        if server.poll() is not None:
            pytest.skip(f"postgres fails here: {Path(said).read_text().strip().splitlines()[-1]}")
        try:
            engine.connect().close()
            engine.dispose()
            return
        except sqlalchemy.exc.OperationalError:
            time.sleep(0.2)
    pytest.skip("postgres did not answer within 20 seconds")


def found() -> Path:
    """The folder of initdb and postgres; installed from Debian's package where that is allowed by asking so."""
    places = [Path(shutil.which("initdb") or "/").parent, *map(Path, sorted(glob.glob("/usr/lib/postgresql/*/bin")))]
    if os.environ.get("MFAST_INSTALL_POSTGRES") and not any((place / "initdb").exists() for place in places):
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", "postgresql"], check=True)
        places = list(map(Path, sorted(glob.glob("/usr/lib/postgresql/*/bin"))))
    for place in reversed(places):
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    pytest.skip("no PostgreSQL: apt-get install postgresql, or MFAST_INSTALL_POSTGRES=1 as root")


def known(user: str) -> bool:
    """Whether this machine has a user."""
    return subprocess.run(["id", user], capture_output=True).returncode == 0
