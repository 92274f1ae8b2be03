"""What must not load torch: --help, --dry-run, bad input, the rooms that read settings and data."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEAN = [
    "mfast_edge.networks.slots",
    "mfast_edge.models.classifier.classifier",
    "mfast_edge.models.ssd.net",
    "mfast_edge.network",
    "mfast_edge.settings",
    "mfast_edge.plan",
    "mfast_edge.target",
    "mfast_edge.data.index",
    "mfast_edge.convert",
    "mfast_edge.crop",
    "mfast_edge.store",
    "mfast_edge.latency",
    "mfast_edge.gauge",
    "mfast_edge.foreign.run",
    "mfast_edge.candidate",
    "mfast_edge.compress",
    "mfast_edge.models.centernet.detector",
    "mfast_edge.crew",
    "mfast_edge.job",
    "mfast_edge.models.ssd.mbv1",
    "mfast_edge.models.ssd.vgg16",
    "mfast_edge.models.yolo9000.detector",
    "mfast_edge.models.yolov1.detector",
    "mfast_edge.stages.decompose",
    "mfast_edge.clocked",
    "mfast_edge.judge",
    "mfast_edge.pipeline",
    "mfast_edge.run",
    "mfast_edge.diagnosis",
    "mfast_edge.doctor",
    "mfast_edge.ablated",
    "mfast_edge.cutoffs",
]


@pytest.mark.parametrize("module", LEAN)
def test_importing_it_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_stages_can_be_listed_and_set_without_torch() -> None:
    code = (
        "import sys; from mfast_edge.plan import read; from mfast_edge.target import find; "
        "read('quick', find('x86'), {}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_loads_no_heavy_library() -> None:
    done = subprocess.run([sys.executable, "-m", "mfast_edge.compress", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--target" in done.stdout
    code = "import sys, mfast_edge.compress; assert not {'torch', 'onnx', 'cv2', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
