"""What a runtime takes: rules as data, one YAML file per runtime."""

from importlib.resources import files
from pathlib import Path
from typing import Any

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
    lengths: dict[str, tuple[int, ...]] = {}
    values: dict[str, tuple[str, ...]] = {}
    outputs: int | None = None


class Rules(_Strict):
    """One runtime: limits of the file, operators (none listed: any), its Python package, its options."""

    name: str
    package: str
    source: str
    opset: int
    ir: int
    dynamic_shapes: bool = True
    external_data: bool = True
    wide_int64: bool = True
    int8: bool = True
    operators: tuple[str, ...] = ()
    restricted: dict[str, Restriction] = {}
    absent: dict[str, str] = {}
    plugins: tuple[str, ...] = ()
    options: dict[str, Any] = {}

    def without_int8(self) -> "Rules":
        """The same runtime on hardware that has no int8."""
        return self.model_copy(update={"int8": False})


def load_rules(runtime: str | Path) -> Rules:
    """The rules of a runtime that comes with the project, by name, or of a YAML file. Raises Unreadable."""
    path = _find(str(runtime))
    try:
        return Rules.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: cannot be read; give a runtime's YAML file") from error
    except yaml.YAMLError as error:
        raise Unreadable(f"{path}: no YAML: {str(error).splitlines()[0]}") from error
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
