"""Floors, library rooms, no cycles, no homeless module: the house as DESIGN draws it, read from the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHEDS = ("search", "export", "benchmarks")
FLOORS = [  # highest first; a module may import from its own floor and from those below
    {
        "compress",
        "run",
        "foreign",
        "suppress",
        "terminal",
        "evaluate",
        "split",
        "convert",
        "crop",
        "predict",
        "thresholds",
        "silver",
        "ablate",
        "ablation",
        "ablated",
        "bench",
        "board",
        "autopsy",
        "report",
        "doctor",
        "tune",
        "searched",
        "again",
        "workers",
        "scoreboard",
        "network",
        "__main__",
    },
    {
        "tuner",
        "trials",
        "foreseen",
        "finals",
        "winner",
        "outcome",
        "proof",
        "packed",
        "returned",
        "arrived",
        "timed",
        "opened",
        "looked",
        "subject",
        "raced",
        "dissected",
        "changes",
        "pages",
        "diagnosis",
        "entered",
        "zoo",
        "benched",
        "grid",
        "contrast",
        "labelled",
        "worth",
        "rebundled",
    },
    {
        "pipeline",
        "judge",
        "verdict",
        "likened",
        "quality",
        "runners",
        "dissect",
        "clocked",
        "ways",
        "roofed",
        "weighed",
        "cutoffs",
        "proxy",
    },
    {"plan", "spaces"},
    {"stages"},
    {"workshop", "teacher", "crew", "job"},
    {"models", "backbones", "networks", "training", "data", "metrics", "tasks"},
    {"gauge"},
    {"store", "target", "latency", "recipe", "ratios"},
    {"candidate", "model", "blueprint", "precision", "settings", "errors", "door"},
]
ONLY_IN = {
    "optuna": ("search",),
    "sqlalchemy": ("search",),
    "onnx": ("export",),
    "onnxruntime": ("export",),
    "openvino": ("export",),
    "tensorrt": ("export",),
    "pycuda": ("export",),
    "torch_pruning": ("mfast_edge/stages",),
    "tensorly": ("mfast_edge/stages",),
    "pycocotools": ("mfast_edge/metrics", "mfast_edge/data"),
    "defusedxml": ("mfast_edge/data",),
    "torchvision": ("mfast_edge/data", "mfast_edge/models", "mfast_edge/backbones", "mfast_edge/networks"),
}


def sources(root: Path) -> list[Path]:
    return [p for room in ("mfast_edge", *SHEDS) for p in sorted((root / room).rglob("*.py"))]


def imports(path: Path, when_run: bool = False) -> Iterator[str]:
    """Dotted names that a file imports; `when_run`: without those for type checkers only."""
    tree = ast.parse(path.read_text())
    skipped = {node for block in ast.walk(tree) if when_run and typing_only(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def floor(name: str) -> int:
    """How far down a room of the house lies."""
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def room(path: Path, root: Path) -> str:
    """The first folder or module under mfast_edge."""
    return path.relative_to(root / "mfast_edge").parts[0].removesuffix(".py")


def upward(root: Path) -> list[str]:
    """Every import from a floor above, or of the house or another shed by a shed."""
    wrong = []
    for path in sources(root):
        home = path.relative_to(root).parts[0]
        for name in imports(path, when_run=True):
            parts = name.split(".")
            if home in SHEDS and parts[0] in ("mfast_edge", *SHEDS) and parts[0] != home:
                wrong.append(f"{path.relative_to(root)} imports {name}")
            if home == "mfast_edge" and parts[0] == "mfast_edge" and len(parts) > 1:
                here = room(path, root)
                if here != "__init__" and floor(parts[1]) < floor(here):
                    wrong.append(f"{path.relative_to(root)} imports {name}")
    return wrong


def test_imports_only_go_downwards() -> None:
    assert upward(ROOT) == []


def test_a_planted_upward_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "mfast_edge").mkdir()
    (tmp_path / "mfast_edge" / "store.py").write_text("from mfast_edge.pipeline import walk\n")
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "lint.py").write_text("import benchmarks.score\n")
    assert upward(tmp_path) == [
        "mfast_edge/store.py imports mfast_edge.pipeline.walk",
        "export/lint.py imports benchmarks.score",
    ]


def test_every_module_has_a_floor() -> None:
    homeless = {room(path, ROOT) for path in (ROOT / "mfast_edge").rglob("*.py")} - set().union(*FLOORS) - {"__init__"}
    assert homeless == set()


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_in_its_room(library: str) -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for path in sources(ROOT)
        if any(name.split(".")[0] == library for name in imports(path))
        and not str(path.relative_to(ROOT)).startswith(ONLY_IN[library])
    ]
    assert strangers == []


def test_benchmarks_never_sees_torch() -> None:
    assert not [p for p in (ROOT / "benchmarks").rglob("*.py") if any(n.split(".")[0] == "torch" for n in imports(p))]


def test_no_module_imports_itself_in_a_circle() -> None:
    known = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in sources(ROOT)}
    graph = {name: {target(found, known) for found in at_import(path)} & set(known) for name, path in known.items()}
    done: set[str] = set()
    for name in graph:
        assert circle(name, graph, (), done) == ()


def at_import(path: Path) -> Iterator[str]:
    """Imports that run when the module is loaded: at top level, not for type checkers."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def target(name: str, known: dict[str, Path]) -> str:
    return name if name in known else name.rpartition(".")[0]


def circle(name: str, graph: dict[str, set[str]], trail: tuple[str, ...], done: set[str]) -> tuple[str, ...]:
    """The modules of a circle, or nothing."""
    if name in trail:
        return trail[trail.index(name) :]
    if name not in done:
        for following in graph[name] - {name}:
            if found := circle(following, graph, (*trail, name), done):
                return found
        done.add(name)
    return ()


def test_init_files_hold_a_docstring_or_a_dict() -> None:
    for path in (p for p in sources(ROOT) if p.name == "__init__.py"):
        kinds = {type(node) for node in ast.parse(path.read_text()).body}
        assert kinds <= {ast.Expr, ast.Assign, ast.AnnAssign}, path


def test_files_and_functions_keep_to_the_house_s_sizes() -> None:
    for path in sources(ROOT):
        text = path.read_text()
        assert text.count("\n") <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno <= 60, (path, node.name)
