"""Several processes do the work of one: every stage that trains, two nodes, and a process that dies."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mfast_edge.candidate import Candidate
from mfast_edge.crew import Crew, Leader, follows, hired
from mfast_edge.data.index import read
from mfast_edge.errors import Unfinished, UserError
from mfast_edge.model import find
from mfast_edge.models import MODELS
from mfast_edge.pipeline import make
from mfast_edge.recipe import Recipe
from mfast_edge.run import run
from mfast_edge.stages.distill import Distill
from mfast_edge.stages.prune import Prune
from mfast_edge.stages.qat import Qat
from mfast_edge.stages.train import Train
from mfast_edge.store import Store, Work
from mfast_edge.target import find as find_target
from mfast_edge.training import checkpoint
from mfast_edge.workshop import Workshop
from tests.conftest import asked
from tests.contracts.test_rebuild import halved, shop_of

TOLERANCE = 0.01  # see `apart`; after `train` two processes were 1.8e-4 from one, two threads 1.7e-4 from one thread
ROUNDED = 0.02  # of an epoch on maps of 3 x 3 cells: two processes were up to .004 from one, two threads up to .009
LONG = 240  # seconds after which a test gives a process up
FEW: dict[str, Any] = {"images": 48, "batch": 7, "precision": "float32"}
PLAN = """
data: particles:24x96
budget: 100.0
stages: [{train: {images: IMAGES, batch: 8, lr: 1.0e-3, precision: float32}}]
timing: {rounds: 5, seconds: 0.01, warmup: 1}
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    runs, model = tmp_path_factory.mktemp("crew"), find("tiny", MODELS)
    data = read("particles:24x96", cache=runs / "data", seed=0)
    build = model.build(classes=data.classes)
    return Workshop(model, build, data, find_target("x86"), Store(runs), 0, "cpu", None, lambda _: None)


@pytest.fixture(scope="module")
def trained(alone: Workshop) -> Candidate:
    return make("train", Train(**FEW, lr=1e-3), alone.root, alone, 0)[0]


@pytest.fixture(scope="module")
def together(alone: Workshop) -> Iterator[Workshop]:
    """The same workshop with two processes; the other one is started with the first training and serves all."""
    with Leader(2, starts=True) as crew:
        yield replace(alone, crew=crew)


class Thin(Recipe):
    """What `decompose` does, every layer replaced: whether that is faster no clock is asked here."""

    def run(self, parent: Candidate, work: Work, shop: Workshop) -> None:
        made = shop.rebuilt(parent)
        halved(made, shop)
        shop.train(made, self, work.state, parent)
        shop.write(made, work.files)


STAGES: dict[str, Any] = {
    "train": Train(**FEW, lr=1e-3),
    "prune": Prune(**FEW, keep=0.6, batches=2, looks=1, round_to=4),
    "decompose": Thin(**FEW),
    "distill": Distill(**FEW, features=1.0),
    "qat": Qat(**FEW, calibration=4).fitted(find_target("x86")),
}


def ran(stage: Any, parent: Candidate, shop: Workshop, folder: Path) -> tuple[list[float], dict[str, Tensor]]:
    """The loss of each epoch as it was told, and the weights that the stage wrote."""
    told: list[str] = []
    work = Work(folder / "files", folder / "state")
    for place in (work.files, work.state):
        place.mkdir(parents=True)
    stage.run(parent, work, replace(shop, tell=told.append))
    losses = [float(found[1]) for line in told if (found := re.search(r"loss ([\d.]+)", line))]
    return losses, load_file(work.files / "weights.safetensors")


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_that_trains_ends_where_one_process_would(
    name: str, alone: Workshop, together: Workshop, trained: Candidate, tmp_path: Path
) -> None:
    parent = alone.root if name == "train" else trained
    one, weights = ran(STAGES[name], parent, alone, tmp_path / "one")
    two, others = ran(STAGES[name], parent, together, tmp_path / "two")
    assert len(one) == 3
    assert two == pytest.approx(one, rel=1e-3)  # three digits behind the point are told
    far = apart(weights, others)
    assert far < TOLERANCE


def apart(one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    """How far two networks' weights and norms are from each other, relative to their length."""
    pairs = [(one[name].float(), two[name].float()) for name in one]
    assert pairs
    length = sum(float(a.square().sum()) for a, _ in pairs)
    return float((sum(float((a - b).square().sum()) for a, b in pairs) / length) ** 0.5)


def test_data_that_are_not_the_same_everywhere_are_refused(alone: Workshop, tmp_path: Path) -> None:
    with Leader(2, starts=True) as crew:
        shop = replace(alone, crew=crew, data=replace(alone.data, digest="another"))
        with pytest.raises(Unfinished, match=r"process 1 of 2: data: .* is not the same"):
            ran(Train(**FEW), alone.root, shop, tmp_path)


def test_one_process_is_no_crew_and_torchrun_s_number_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert type(hired(1)) is Crew
    assert hired(3) == Leader(3, starts=True)
    assert not follows()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert hired(1) == hired(2) == Leader(2, starts=False)
    with pytest.raises(UserError, match="--processes: 3 given, and torchrun started 2"):
        hired(3)
    assert not follows()
    monkeypatch.setenv("RANK", "1")
    assert follows()


def test_a_lesson_that_asks_for_no_whole_batch_is_for_process_0_alone() -> None:
    told: list[str] = []
    assert type(Leader(2, starts=True).able(torch.nn.Identity(), told.append)) is Crew
    assert "process 0 trains alone" in told[0]


@pytest.mark.parametrize("name", ["centernet", "ssd_mbv3", "yolo9000", "yolov1"])
def test_two_processes_learn_each_model_s_lesson_as_one_does(name: str, together: Workshop, tmp_path: Path) -> None:
    alone = replace(shop_of(find(name, MODELS), tmp_path, tmp_path), tell=together.tell)
    few = {**FEW, "images": 21, "lr": 1e-4}
    teacher = make("train", Train(**few), alone.root, alone, 0)[0]
    lesson = Distill(**few, features=1.0)
    one, weights = ran(lesson, teacher, alone, tmp_path / "one")
    two, others = ran(lesson, teacher, replace(alone, crew=together.crew), tmp_path / "two")
    assert two == pytest.approx(one, rel=ROUNDED)
    assert apart(weights, others) < TOLERANCE


def command(tmp_path: Path, images: int) -> list[str]:
    (tmp_path / "mine.yaml").write_text(PLAN.replace("IMAGES", str(images)))
    return ["-m", "mfast_edge.compress", "--model", "tiny", "--plan", str(tmp_path / "mine.yaml"), "--device", "cpu"]


def awaited(found: Callable[[], list[Any]], process: subprocess.Popen[str]) -> Any:
    """The first of what is found, once there is something."""
    until = time.monotonic() + LONG
    while not (there := found()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    return there[0]


def child(parent: int) -> int:
    """The one process that `parent` started."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # another process ended meanwhile
            rest = file.read_text().rpartition(")")[2].split()
            found += [int(file.parent.name)] if int(rest[1]) == parent else []
    (only,) = found
    return only


def test_a_process_that_dies_ends_the_job_and_what_was_learnt_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, out = command(tmp_path, 960), tmp_path / "runs"
    job = subprocess.Popen(
        [sys.executable, *words, "--processes", "2", "--out", str(out)], stderr=subprocess.PIPE, text=True
    )
    try:
        state = awaited(lambda: list(out.glob("work/*/state/last.safetensors")), job).parent
        os.kill(child(job.pid), signal.SIGKILL)
        said = [line for line in job.communicate(timeout=LONG)[1].splitlines() if not line.startswith("  epoch")]
    finally:
        job.kill()
    assert job.returncode == 3
    assert len(said) == 1
    assert said[0].startswith("mfast-edge: training: process 1 of 2 ended (exit code -9); the last finished epoch is")
    saved = checkpoint.read(state)
    assert saved
    assert 1 <= saved[0] < 60
    lines: list[str] = []
    monkeypatch.setattr("mfast_edge.terminal.Terminal.progress", lambda _, line: lines.append(line))
    assert run(asked(out, plan=words[5])) == 0
    assert lines[0].startswith(f"epoch {saved[0] + 1}/60 ")


def test_two_nodes_train_as_one_process_and_only_the_first_writes(tmp_path: Path) -> None:
    words = command(tmp_path, 64)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    node = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", str(port)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *node, "--node-rank", str(rank), *words]
            + ["--out", str(tmp_path / f"node{rank}")],
            env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in (0, 1)
    ]
    try:
        assert [one.wait(LONG) for one in started] == [0, 0]
    finally:
        for one in started:
            one.terminate()
    assert not (tmp_path / "node1").exists()
    assert run(asked(tmp_path / "alone", plan=words[5])) == 0
    (one,), (two,) = ([*(tmp_path / name).glob("store/*/weights.safetensors")] for name in ("alone", "node0"))
    assert one.parent.name == two.parent.name  # the same key
    assert apart(load_file(one), load_file(two)) < 0.01
    journal = next((tmp_path / "node0").glob("*/journal.jsonl")).read_text().splitlines()
    assert [json.loads(line)["key"] for line in journal] == [one.parent.name]
