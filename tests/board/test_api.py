"""The names check itself, and, where asked for, the real bindings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.board.calls import used

SOURCE = """
def room(trt, config):
    if hasattr(config, "set_memory_pool_limit"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1)
    else:
        config.max_workspace_size = 1
"""


@pytest.mark.parametrize(
    ("has", "names"),
    [
        (True, {("IBuilderConfig", "set_memory_pool_limit"), ("", "MemoryPoolType"), ("MemoryPoolType", "WORKSPACE")}),
        (False, {("IBuilderConfig", "max_workspace_size")}),
    ],
)
def test_only_the_branch_that_a_version_takes_is_held_against_it(
    tmp_path: Path, has: bool, names: set[tuple[str, str]]
) -> None:
    (tmp_path / "source.py").write_text(SOURCE)
    assert used(tmp_path / "source.py", lambda *_: has) == names


@pytest.mark.skipif(not os.environ.get("MFAST_API_CHECK"), reason="downloads: make api-check, or MFAST_API_CHECK=1")
def test_every_name_is_in_the_real_bindings() -> None:
    from tests.board.api import main

    assert main() == 0
