"""The bundle's one command: python3 run.py build | bench | check | detect. Travels: Python 3.6, numpy.

Exit codes: 0 done · 1 the check failed · 2 the user's mistake, or a bundle or machine that is not right, one sentence.
"""

import argparse
import os
import platform
import sys
from pathlib import Path
from typing import Any, List, Optional, Sequence

if sys.version_info < (3, 7) and platform.machine() == "aarch64":
    os.environ.setdefault("OPENBLAS_CORETYPE", "ARMV8")  # numpy 1.19.5 ends with "Illegal instruction" without it

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import manifest  # type: ignore[import-not-found]  # noqa: E402
from faults import BoardError  # type: ignore[import-not-found]  # noqa: E402


def main(words: Optional[Sequence[str]] = None) -> int:
    """Run a command; its exit code."""
    asked = parser().parse_args(words)
    if not asked.command:
        parser().print_help()
        return 2
    try:
        return COMMANDS[asked.command](asked, manifest.read(HERE))
    except BoardError as wrong:
        print("run.py: {}".format(wrong), file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except ImportError as wrong:
        print("run.py: {}; `pip3 install {}` would be right".format(wrong, wrong.name or "it"), file=sys.stderr)
    except OSError as wrong:
        print(
            "run.py: {}; what can be read and written, and room for it, would be right".format(wrong), file=sys.stderr
        )
    return 2


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("{!r} given; a whole number from 1 would be right".format(text))
    return int(text)


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    made = argparse.ArgumentParser(prog="run.py", description="Build, time, check and use the model of this bundle.")
    rooms = made.add_subparsers(dest="command", metavar="build|bench|check|detect")
    build = rooms.add_parser("build", help="build TensorRT engines here")
    bench = rooms.add_parser("bench", help="time it here; writes results/bench-….json")
    check = rooms.add_parser("check", help="compare what it finds in ten stored photos; writes results/check-….json")
    detect = rooms.add_parser("detect", help="draw what it finds, or says, of photos, folders, videos, cameras")
    for one in (build, bench, check, detect):
        one.add_argument("--model", default="", help="a graph of this bundle; the best one if absent")
        one.add_argument("--precision", default="", help="the engine's: float32, float16 or int8; the graph's usual")
    for one in (build, bench, check):
        one.add_argument("--all", action="store_true", help="every graph, those in judge/ too: to be judged again")
    for one in (bench, check, detect):
        one.add_argument("--runtime", default="", help="tensorrt or onnxruntime; as found if absent")
        one.add_argument("--threads", type=count, default=None, help="CPU threads of onnxruntime; 1 if absent")
        one.add_argument(
            "--buffers",
            default=None,
            help="TensorRT's device memory by ctypes, pycuda or cuda-python; ctypes if absent",
        )
    for one in (bench, check):
        one.add_argument("--out", type=Path, default=HERE / "results", help="where results are written")
    build.add_argument("--workspace", type=count, default=512, help="MiB of scratch memory for tactics")
    bench.add_argument("--rounds", type=count, default=30, help="alternating rounds, 5 or more")
    check.add_argument("--strict", action="store_true", help="hold int8 and float16 to float32's limits too")
    detect.add_argument(
        "what", nargs="+", metavar="IMAGE|FOLDER|VIDEO|CAMERA", help="a camera: 0, an address, a pipeline"
    )
    detect.add_argument("--score", type=float, default=None, help="from this score on; the best F1's if absent")
    detect.add_argument("--frames", type=count, default=None, help="so many frames of each video or camera at most")
    detect.add_argument("--out", type=Path, default=Path("detections"), help="where drawings and found.json go")
    return made


def build(asked: Any, told: Any) -> int:
    """Engines of the graphs asked for."""
    import opened  # type: ignore[import-not-found]

    box = opened.Bundle(HERE, told)
    for name in wanted(box, asked):
        print("{}: building, which takes minutes on a small board".format(name), flush=True)
        file = opened.build(box, name, asked.precision, asked.workspace)
        print("{}: {:.2f} MB".format(file, file.stat().st_size / 1e6))
    return 0


def bench(asked: Any, told: Any) -> int:
    """Time the graphs asked for in the same rounds. BoardError where these would decide nothing."""
    import measured  # type: ignore[import-not-found]
    import timing  # type: ignore[import-not-found]

    if asked.rounds < timing.FEWEST:
        raise BoardError("--rounds: {} given; {} or more would be right".format(asked.rounds, timing.FEWEST))
    box, models = ready(asked, told)
    return written(asked, "bench", measured.bench(box, models, asked.rounds))


def check(asked: Any, told: Any) -> int:
    """0: what is found is what was stored. 1: it is not."""
    import measured

    box, models = ready(asked, told)
    rows = [measured.checked(box, one, asked.strict) for one in models]
    written(asked, "check", rows)
    return 0 if all(one["options"]["parity"]["passed"] for one in rows) else 1


def detect(asked: Any, told: Any) -> int:
    """2 where something could not be read or drawn; the rest was looked at all the same."""
    import look  # type: ignore[import-not-found]

    if told["decoder"] is None:
        raise BoardError(
            "{}: how the graph's outputs are decoded is not known; a program of your own around the engine or the "
            ".onnx would be right; run.py build, bench and check work".format(HERE)
        )
    box, models = ready(asked, told)
    score = box.told["confidence"] if asked.score is None else asked.score
    whole = box.told.get("task") == "classify"
    album = look.Album(asked.out, box.told["labels"], score, asked.frames, whole)
    unread = look.look(models[0], asked.what, album)
    for line in unread:
        print("run.py: {}".format(line), file=sys.stderr)
    return 2 if unread else 0


def ready(asked: Any, told: Any) -> Any:
    """(the bundle, the graphs asked for, opened)."""
    import buffers  # type: ignore[import-not-found]
    import opened

    box = opened.Bundle(HERE, told)
    runtime = asked.runtime or opened.found(told.get("runtimes") or opened.RUNTIMES)
    if runtime not in opened.RUNTIMES:
        raise BoardError("--runtime: {}; {} would be right".format(runtime, " or ".join(opened.RUNTIMES)))
    if asked.buffers not in (None, *buffers.KINDS):
        raise BoardError("--buffers: {}; {} would be right".format(asked.buffers, ", ".join(buffers.KINDS)))
    suit(asked, runtime)
    how = opened.Wanted(runtime, asked.threads or 1, asked.precision, asked.buffers or "ctypes")
    return box, [opened.opened(box, name, how) for name in wanted(box, asked)]


def suit(asked: Any, runtime: str) -> None:
    """BoardError for an option that the runtime does not know."""
    if runtime == "tensorrt" and asked.threads is not None:
        raise BoardError(
            "--threads: {} given, and TensorRT computes on the GPU; without it, or with --runtime onnxruntime, would "
            "be right".format(asked.threads)
        )
    if runtime == "onnxruntime" and asked.buffers is not None:
        raise BoardError(
            "--buffers: {} given, and onnxruntime computes in this machine's own memory; without it, or with --runtime "
            "tensorrt, would be right".format(asked.buffers)
        )


def wanted(box: Any, asked: Any) -> List[str]:
    """The graphs asked for."""
    import opened

    if getattr(asked, "all", False):
        if asked.model:
            raise BoardError("--model: {} given beside --all; one of the two would be right".format(asked.model))
        return list(box.graphs)
    return [opened.chosen(box, asked.model)]


def written(asked: Any, kind: str, rows: Any) -> int:
    """Lines for people, the results for the run."""
    import measured

    for one in rows:
        print(measured.told(one))
    command = "python3 run.py " + " ".join(sys.argv[1:])
    path = measured.write(asked.out, kind, rows, {"threads": asked.threads or 1, "command": command})
    print("{}: bring it back to the run with python -m mfast_edge.board RUN {}".format(path, path.name))
    return 0


COMMANDS = {"build": build, "bench": bench, "check": check, "detect": detect}

if __name__ == "__main__":
    sys.exit(main())
