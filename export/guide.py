"""README.md of a bundle: the steps of one device, and what nobody could run without it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

_FOLDER = Path(__file__).parent / "board" / "guides"
_BUILD = "python3 run.py build              # a TensorRT engine for this very device; minutes on a small board\n"
_UNTRIED = """The bundle's files are run by the project's tests under Python 3.6 with onnxruntime 1.10 on x86. These were not, for want of the device:

- building and running an engine: the names that `building.py` and `engine.py` use were compared with TensorRT's own Python bindings (8.4.1, 8.6.1, 10.3, 10.16, 11.4) and their calls run against stand-ins of each generation, on no GPU;
- whether the memory of the device is enough for a build, and how long that takes;
- every figure: milliseconds here are this device's only after `python3 run.py bench` on it;
- whether float16 or int8 engines find what was stored (`python3 run.py check` tells);
- nvpmodel, jetson_clocks, swap and the packages above: as their makers and users describe them;
- cameras, and pipelines of GStreamer."""  # noqa: E501 - one paragraph of Markdown to a line
_CLASSES = """
`detect` prints the class of each photo and its probability, draws them on it, and writes them to `found.json`. What `check` calls a detection is a class with its probability, and its box is the whole photo.
"""  # noqa: E501 - as above
_UNTRIED_CPU = """- figures: milliseconds are this machine's only after `python3 run.py bench` on it;
- cameras."""


def guide(model: str, title: str, boards: str, runtimes: Sequence[str], page: str = "common") -> str:
    """Markdown for the device called `title`, by its `boards` (as in /proc/device-tree/model) and runtimes.

    `page`: `graph` where nobody knows how outputs are decoded, `classify` where photos are classified as a whole.
    """
    engines = "tensorrt" in runtimes
    name = _name(boards, engines)
    facts: Mapping[str, str] = {
        "model": model,
        "title": title,
        "steps": (_FOLDER / f"{name}.md").read_text(encoding="utf-8").strip(),
        "build": _BUILD if engines else "",
        "untried": _UNTRIED if engines else _UNTRIED_CPU,
        "kind": "classifier" if page == "classify" else "detector",
        "note": _CLASSES if page == "classify" else "",
    }
    page = "common" if page == "classify" else page
    return (_FOLDER / f"{page}.md").read_text(encoding="utf-8").format(**facts)


def _name(boards: str, engines: bool) -> str:
    if not engines:
        return "cpu"
    if "Orin" in boards:
        return "jetson_orin"
    return "jetson_nano" if "Nano" in boards else "gpu"
