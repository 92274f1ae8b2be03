"""What a runtime takes: rules as data, one YAML file per runtime, each laid over the one it builds on."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from export.errors import Unreadable


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Restriction(_Strict):
    """What an operator's inputs, attributes and outputs must be; inputs by the names of ONNX's schema."""

    initializers: tuple[str, ...] = ()
    float_initializers: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    zero_points: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    below: dict[str, int] = {}
    lengths: dict[str, tuple[int, ...]] = {}
    values: dict[str, tuple[str | int, ...]] = {}
    ones: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    outputs: int | None = None


class Caution(_Strict):
    """An operator or plugin that is taken and yet goes wrong; `float16`: only in an engine built in fp16."""

    rule: str
    instead: str
    float16: bool = False


class Api(_Strict):
    """What a program that builds engines finds in the runtime's Python package."""

    python: str
    explicit_batch: Literal["required", "ignored", "gone"]
    workspace: Literal["max_workspace_size", "either", "set_memory_pool_limit"]
    precision_flags: tuple[str, ...] = ()  # none: the types of the graph are those of the engine
    calibrators: bool = False
    tensors: Literal["bindings", "either", "names"]


class Memory(_Strict):
    """What building an engine takes, estimated: constants in MB, and so many times the weights in float32.

    `device` and `runtime` say what they were estimated of: of other runtimes they are not known.
    """

    device: str
    runtime: str
    system_mb: float
    libraries_mb: float
    workspace_mb: float
    times_weights: float
    source: str

    def gb(self, weights: int) -> float:
        """GB (10^9 bytes) for a graph of so many weights."""
        constants = self.system_mb + self.libraries_mb + self.workspace_mb
        return (constants * 1e6 + self.times_weights * 4 * weights) / 1e9

    def told(self, runtime: str) -> str:
        """The constants, and whose they are where `runtime` has none of its own."""
        parts = (("system", self.system_mb), ("libraries", self.libraries_mb), ("workspace", self.workspace_mb))
        own = ", ".join(f"{mb:g} MB of {name}" for name, mb in parts) + f", {self.times_weights:g} times the weights"
        if runtime == self.runtime:
            return own
        return f"{own}: those of {self.runtime} on a {self.device}, as {runtime}'s are not known"


class Rules(_Strict):
    """One runtime: limits of the file, operators (none listed: any), its Python package, its options.

    `known` is false where nobody has looked the operators up; `note` says what of the rules is not certain; with
    `domains`, operators of others are refused, and standard ones that ONNX does not have.
    """

    name: str
    package: str
    source: str
    note: str = ""
    known: bool = True
    opset: int
    oldest: int = 1
    ir: int | None = None
    dynamic_shapes: bool = True
    external_data: bool = True
    wide_int64: bool = True
    int8: bool = True
    float16: bool = True
    input_types: tuple[str, ...] = ()
    zero_types: tuple[str, ...] = ("INT8",)
    domains: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    restricted: dict[str, Restriction] = {}
    absent: dict[str, str] = {}
    plugins: tuple[str, ...] = ()
    cautions: dict[str, Caution | None] = {}
    options: dict[str, Any] = {}
    api: Api | None = None
    memory: Memory | None = None

    def on(self, precisions: Iterable[str]) -> "Rules":
        """The same runtime on hardware that has these precisions only."""
        have = set(precisions)
        return self.model_copy(
            update={"int8": self.int8 and "int8" in have, "float16": self.float16 and "float16" in have}
        )

    def over(self, under: "Rules") -> "Rules":
        """These rules on top of others: of every operator and plugin the one that names it last decides."""
        named = {*self.operators, *self.restricted, *self.absent, *self.plugins}

        def left(names: Iterable[str]) -> tuple[str, ...]:
            return tuple(name for name in names if name not in named)

        return self.model_copy(
            update={
                "operators": (*left(under.operators), *self.operators),
                "plugins": (*left(under.plugins), *self.plugins),
                "restricted": {name: under.restricted[name] for name in left(under.restricted)} | self.restricted,
                "absent": {name: under.absent[name] for name in left(under.absent)} | self.absent,
                "cautions": under.cautions | self.cautions,
            }
        )


_TABLES = {"operators", "plugins", "restricted", "absent", "cautions", "note"}  # not taken over as they are


def load_rules(runtime: str | Path) -> Rules:
    """The rules of a runtime that comes with the project, by name, or of a YAML file. Raises Unreadable.

    A file with `base: NAME` says only what differs from that runtime.
    """
    return _load(str(runtime), ())


def _load(name: str, above: tuple[str, ...]) -> Rules:
    path = _find(name)
    if name in above:
        raise Unreadable(f"{path}: base: {name} builds on itself; a runtime that stands alone would be right")
    tree = _tree(path)
    base = tree.pop("base", None)
    if base is None:
        return _checked(tree, path)
    under = _load(str(base), (*above, name))
    plain = under.model_dump(exclude=_TABLES)
    for part in ("api", "memory"):
        if isinstance(tree.get(part), dict):
            tree[part] = {**(plain[part] or {}), **tree[part]}
    return _checked({**plain, **tree}, path).over(under)


def _tree(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: cannot be read; give a runtime's YAML file") from error
    except yaml.YAMLError as error:
        raise Unreadable(f"{path}: no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(tree, dict):
        raise Unreadable(f"{path}: holds {type(tree).__name__}; a runtime's mapping would be right")
    return tree


def _checked(tree: dict[str, Any], path: Path) -> Rules:
    try:
        return Rules.model_validate(tree)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Unreadable(f"{path}: {wrong}") from error


def _find(name: str) -> Path:
    folder = Path(str(files("configs.runtimes")))
    known = sorted(one.stem for one in folder.glob("*.yaml"))
    if name in known:
        return folder / f"{name}.yaml"
    if Path(name).is_file():
        return Path(name)
    raise Unreadable(f"{name}: no such runtime; give {', '.join(known)} or a YAML file")
