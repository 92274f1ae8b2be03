"""The processes of a job. The first leads: it alone decides, measures and writes; the others join its trainings.

They find each other through torch's TCPStore, where the leader posts trainings as JSON; a process group
(gloo on CPUs, NCCL on GPUs) lives only as long as a training, so that nobody waits for a leader who measures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from mfast_edge.errors import Diverged, MfastError, Unfinished, UserError

if TYPE_CHECKING:
    from mfast_edge.training.team import Team

Job = dict[str, Any]
END = "null"  # instead of a job: there are no more
PATIENCE = 3600.0  # seconds for all processes to read the data and come to a training; one that dies is seen at once
FAREWELL = 10.0  # seconds for a process to end by itself
LOST = ("gloo", "NCCL", "Connection closed", "Connection reset", "Broken pipe", "recvVector", "sendBytes")


@dataclass
class Crew:
    """One process."""

    size: int = 1

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        """The job is done, or cannot be."""

    def able(self, lesson: Any, tell: Callable[[str], None]) -> Crew:
        """Who can train with this lesson of a teacher, if any: all, or this process alone, and it is told."""
        return self

    @contextmanager
    def training(self, told: Callable[[], Job]) -> Iterator[Team]:
        """Those who train together; `told` is the training as another process can repeat it (job.py)."""
        from mfast_edge.training.team import Team

        yield Team()


@dataclass
class Leader(Crew):
    """Process 0 of `size`; `starts`: the others are its own to start, on this machine, with the first training."""

    starts: bool = False
    jobs: int = 0
    store: Any = None
    hands: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __exit__(self, *_: object) -> None:
        """Nobody is left waiting, and nobody who was started here is left."""
        if not self.starts or self.store is not None:
            with suppress(RuntimeError):
                self.meet()
                self.store.set(f"job {self.jobs}", END)
        for hand in self.hands.values():
            try:
                hand.wait(FAREWELL)
            except subprocess.TimeoutExpired:
                hand.kill()
                hand.wait()

    def able(self, lesson: Any, tell: Callable[[str], None]) -> Crew:
        """Everybody, unless the lesson counts over a batch without asking for the whole of it."""
        if lesson is None or hasattr(lesson, "whole"):
            return self
        tell(f"{type(lesson).__module__}: this teacher's lesson is for one process, so process 0 trains alone")
        return Crew()

    @contextmanager
    def training(self, told: Callable[[], Job]) -> Iterator[Team]:
        """All processes, once they are here. Unfinished: one is gone, and what it said."""
        job = told()
        settle(job["device"])
        self.meet()
        self.store.set(f"job {self.jobs}", json.dumps(job))
        number, self.jobs = self.jobs, self.jobs + 1
        try:
            self.gather(number)
            with joined(self.store, number, (0, self.size), job["device"]) as team:
                yield team
        except RuntimeError as wrong:
            if not lost(wrong):
                raise
            raise self.blamed() from None

    def meet(self) -> None:
        """Open the store, and start who is to be started."""
        if self.store is not None:
            return
        from torch import distributed

        if not self.starts:
            self.store = next(distributed.rendezvous("env://"))[0]  # type: ignore[attr-defined]
            return
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        self.store = distributed.TCPStore(  # type: ignore[attr-defined]
            "127.0.0.1", 0, is_master=True, wait_for_workers=False
        )
        self.hands = {rank: hand(rank, self.size, self.store.port) for rank in range(1, self.size)}

    def gather(self, number: int) -> None:
        """Wait until the others are ready for a training."""
        until = time.monotonic() + PATIENCE
        while self.store.add(f"ready {number}", 0) < self.size - 1:
            if self.ended() or self.store.check(["wrong"]) or time.monotonic() > until:
                raise self.blamed()
            time.sleep(0.05)

    def ended(self) -> list[int]:
        """The processes started here that are no more."""
        return [rank for rank, hand in self.hands.items() if hand.poll() is not None]

    def blamed(self) -> Unfinished:
        """Who is gone and what is to be done; those who were started here may take a moment to be gone."""
        until = time.monotonic() + 2.0
        while time.monotonic() < until and not self.ended() and not self.store.check(["wrong"]):
            time.sleep(0.05)
        if self.store.check(["wrong"]):
            why = self.store.get("wrong").decode()
        elif ended := self.ended():
            why = f"process {ended[0]} of {self.size} ended (exit code {self.hands[ended[0]].returncode})"
        else:
            why = f"another process of {self.size} is gone"
        return Unfinished(
            f"training: {why}; the last finished epoch is kept, and the same command goes on from it, with as many "
            "processes or with others"
        )


@dataclass
class Follower(Crew):
    """Any other process, in the training of this number."""

    rank: int = 0
    number: int = 0
    store: Any = None
    device: str = "cpu"

    @contextmanager
    def training(self, told: Callable[[], Job]) -> Iterator[Team]:
        """All processes."""
        self.store.add(f"ready {self.number}", 1)
        with joined(self.store, self.number, (self.rank, self.size), self.device) as team:
            yield team


def hired(processes: int) -> Crew:
    """The crew of a process that leads: those that torchrun started, or as many as were asked for."""
    there = int(os.environ.get("WORLD_SIZE", 1))
    if there > 1 and processes not in (1, there):
        raise UserError(f"--processes: {processes} given, and torchrun started {there}; without it would be right")
    if there > 1:
        return Leader(there, starts=False)
    return Leader(processes, starts=True) if processes > 1 else Crew()


def follows() -> bool:
    """Whether this process is not the first of its job."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1 and int(os.environ.get("RANK", 0)) > 0


def hand(rank: int, size: int, port: int) -> subprocess.Popen[bytes]:
    """Start process `rank` on this machine."""
    told: dict[str, Any] = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    quiet = {"TORCH_CPP_LOG_LEVEL": "ERROR"}  # a leader who leaves is no news
    given = {name: str(value) for name, value in (told | quiet).items()}
    return subprocess.Popen([sys.executable, "-m", "mfast_edge.compress"], env=os.environ | given)


def settle(device: str) -> None:
    """Take this process's own GPU. UserError: there are fewer than processes."""
    if device != "cuda":
        return
    import torch

    local, there = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if local >= there:
        raise UserError(f"--processes: process {local} has no GPU of its own, {there} are here; {there} would be right")
    torch.cuda.set_device(local)


@contextmanager
def joined(store: Any, number: int, place: tuple[int, int], device: str) -> Iterator[Team]:
    """The group of a training, for process r of n; those on a machine share its cores."""
    import torch
    from torch import distributed

    from mfast_edge.training.team import group

    threads, here = torch.get_num_threads(), int(os.environ.get("LOCAL_WORLD_SIZE", place[1]))
    torch.set_num_threads(max(1, min(threads, (os.cpu_count() or 1) // here)))
    try:
        own = distributed.PrefixStore(f"training {number}", store)  # type: ignore[attr-defined]
        with group(own, *place, device) as team:
            yield team
    finally:
        torch.set_num_threads(threads)


def lost(wrong: RuntimeError) -> bool:
    """Whether an error of torch's says that another process is gone."""
    from torch import distributed

    return isinstance(wrong, distributed.DistError) or any(word in str(wrong) for word in LOST)


def follow(learn: Callable[[Job, Crew], None]) -> int:
    """Join one training after the other until the leader has no more; the exit code: 0, or 3 where one failed.

    What goes wrong is the leader's to tell; a leader who is gone has told it already.
    """
    try:
        from torch import distributed

        store, rank, size = next(distributed.rendezvous("env://"))  # type: ignore[attr-defined]
        try:
            serve(store, (rank, size), learn)
        except (MfastError, MemoryError, RuntimeError, OSError) as wrong:
            if not (isinstance(wrong, RuntimeError) and lost(wrong)):
                said = " ".join(str(wrong).split()) or "out of memory"
                store.set("wrong", f"process {rank} of {size}: {said}")
            return 3
    except KeyboardInterrupt:
        return 130
    except RuntimeError as gone:
        if not lost(gone):
            raise
        return 3
    return 0


def leave(code: int) -> NoReturn:
    """End this process at once: at an ordinary exit a thread of torch's process groups was seen to abort it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve(store: Any, place: tuple[int, int], learn: Callable[[Job, Crew], None]) -> None:
    """Learn along in every training that is posted, as process r of n."""
    number = 0
    while (job := json.loads(awaited(store, f"job {number}"))) is not None:
        settle(job["device"])
        with suppress(Diverged):  # so it did for the leader
            learn(job, Follower(place[1], place[0], number, store, job["device"]))
        number += 1


def awaited(store: Any, key: str) -> str:
    """The value of a key, whenever it comes."""
    from torch import distributed

    while True:
        try:
            store.wait([key], timedelta(days=1))
            return str(store.get(key).decode())
        except distributed.DistStoreError:  # nothing came for a day
            continue
