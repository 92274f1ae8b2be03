"""Bench and check: what is measured on a board, as benchmarks/results.py reads it. Travels: Python 3.6, numpy."""

import json
from datetime import date
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

import machine  # type: ignore[import-not-found]
import raw  # type: ignore[import-not-found]
import stamp  # type: ignore[import-not-found]
import timing  # type: ignore[import-not-found]
from detections import detect  # type: ignore[import-not-found]
from opened import Bundle, Model, photos, stored  # type: ignore[import-not-found]
from parity import match  # type: ignore[import-not-found]
from steps import parts  # type: ignore[import-not-found]

PARTS = ("forward", "pre", "post", "end_to_end")
POWER = ("nvpmodel", "-q")
MB = 1e6


class Limit(NamedTuple):
    """When what is found here counts as what was stored: of each pair, and the share that must have a partner."""

    iou: float
    delta: float
    share: float


# float32 says the same everywhere; lower precisions round as each device does, and are held to the judge's rules.
LIMITS = {"float32": Limit(0.999, 1e-3, 1.0), "float16": Limit(0.99, 0.01, 0.99)}
ROUGH = Limit(0.99, 0.01, 0.995)


def bench(box: Bundle, models: Sequence[Model], rounds: int) -> List[Dict[str, Any]]:
    """Every model in the same alternating rounds: forward, preparing, decoding with NMS, end to end."""
    calls: Dict[str, Any] = {}
    for place, model in enumerate(models):
        calls.update(raw.calls(place, model, raw.inputs(box)) if model.decode is None else whole(place, model, box))
    series = timing.measure(calls, rounds=rounds, warmup=10)
    rows = []
    for place, model in enumerate(models):
        names = {part: "{} {}".format(place, part) for part in PARTS}
        mine = {part: series[name] for part, name in names.items() if name in calls}
        times = {part: timing.summary(one) for part, one in mine.items()}
        rows.append(row(box, model, times, medians=list(timing.medians(mine["forward"])), state=state()))
    return rows


def whole(place: int, model: Model, box: Bundle) -> Dict[str, Any]:
    """The steps from a photo to detections, by name."""
    made = parts(model.forward, photos(box), model.decode, model.facts)
    return {"{} {}".format(place, part): call for part, call in made.items()}


def checked(box: Bundle, model: Model, strict: bool) -> Dict[str, Any]:
    """What a graph gives here beside what was stored, by the limits of its precision or, if `strict`, float32's."""
    precision = "float32" if strict else model.precision
    if model.decode is not None:
        return check(box, model, LIMITS.get(precision, ROUGH))
    series, same = raw.check(box, model, raw.LIMITS.get(precision, raw.ROUGH))
    return row(box, model, {"forward": timing.summary(series)}, parity=same)


def check(box: Bundle, model: Model, limit: Limit) -> Dict[str, Any]:
    """What a model finds in the check photos beside what was stored; times are of one forward each, warmed up.

    `options.parity` says it all: photos whose counts agree, the share with a partner, the worst of the pairs.
    """
    seen, before, score = photos(box), stored(box, model.name), box.told["check"]["score"]
    detect(seen[0], model.forward, model.decode, model.facts)  # the first call of all loads and warms
    timed = [timing.once(lambda photo=photo: detect(photo, model.forward, model.decode, model.facts)) for photo in seen]
    found = [one for one, _ in timed]
    same = match(before, found, score=score, iou=limit.iou, delta=limit.delta)
    whole = match(before, found, score=score, iou=0.5, delta=1.0)
    counts = [int((a.scores >= score).sum()) == int((b.scores >= score).sum()) for a, b in zip(before, found)]
    told = dict(same._asdict(), photos=len(seen), alike=sum(counts), score=score, limit=dict(limit._asdict()))
    told["passed"] = same.total > 0 and same.share >= limit.share and (limit.share < 1 or all(counts))
    told.update(any_iou=whole.mean_iou, any_delta=whole.worst_score_delta)
    series = timing.Series("end_to_end", (tuple(ms for _, ms in timed),))
    times = {"forward": timing.summary(once(model, seen)), "end_to_end": timing.summary(series)}
    return row(box, model, times, parity=told)


def once(model: Model, seen: Sequence[Any]) -> Any:
    """The forwards of the photos, one each."""
    taken = []

    def forward(image: Any) -> Any:
        given, ms = timing.once(lambda: model.forward(image))
        taken.append(ms)
        return given

    forward.pixels = getattr(model.forward, "pixels", "float32")  # type: ignore[attr-defined]
    for photo in seen:
        detect(photo, forward, model.decode, model.facts)
    return timing.Series("forward", (tuple(taken),))


def row(box: Bundle, model: Model, times: Dict[str, Any], **told: Any) -> Dict[str, Any]:
    """One line of the results, with the keys of the bundle and of the candidate that was measured."""
    found = {
        "name": "{} {}".format(box.told["model"], model.graph["stage"]),
        "model": box.told["model"],
        "file": model.file.name,
        "runtime": model.runtime,
        "versions": model.versions,
        "precision": model.precision,
        "mb": model.file.stat().st_size / MB,
        "options": dict(told, bundle=box.told["key"], keys=model.graph["keys"], onnx=model.name),
    }
    return dict(found, **times)


def state() -> Dict[str, Any]:
    """Clocks, temperatures, load and power mode as they are now."""
    return dict(machine.clocks(), load=machine.load(), power=machine.ask(POWER).strip() or None)


def write(folder: Path, kind: str, rows: Sequence[Dict[str, Any]], how: Dict[str, Any]) -> Path:
    """<kind>-<runtime>-<machine>-<number>.json in `folder`: never a host's name.

    Earlier ones go where they tell nothing more; one with a graph that was not measured again stays, whole.
    """
    here = machine.describe(how["threads"])
    every = [dict(one, threads=how["threads"]) for one in rows]
    results = {"machine": here, "date": str(date.today()), "command": how["command"], "rows": every}
    folder.mkdir(parents=True, exist_ok=True)
    head = "{}-{}-{}-".format(kind, every[0]["runtime"], machine.name(here))
    earlier = {
        int(one.stem[len(head) :]): one for one in folder.glob(head + "*.json") if one.stem[len(head) :].isdigit()
    }
    path = folder / "{}{:03d}.json".format(head, 1 + max(earlier, default=0))
    stamp.whole(path, results)
    for one in earlier.values():
        if covered(one, rows):
            one.unlink()
    return path


def covered(path: Path, rows: Sequence[Dict[str, Any]]) -> bool:
    """Whether an earlier file is of another bundle, or `rows` tell anew all that it does."""
    said = [(one["options"]["bundle"], one["options"]["onnx"], one["precision"]) for one in rows]
    try:
        old = json.loads(path.read_text(encoding="utf-8"))["rows"]
        was = [(one["options"]["bundle"], one["options"]["onnx"], one["precision"]) for one in old]
    except (KeyError, TypeError, ValueError):  # nothing of run.py's
        return False
    return all(one in said or one[0] != said[0][0] for one in was)


def told(one: Dict[str, Any]) -> str:
    """A row of bench or check, in a line."""
    head = "{} in {} {}".format(one["options"]["onnx"], one["runtime"], one["precision"])
    same = one["options"].get("parity")
    if same is None:
        parts_ = ["{} {:.2f}".format(part, one[part]["p50"]) for part in PARTS if part in one]
        return "{}: {} ms (p50), forward p99 {:.2f}".format(head, ", ".join(parts_), one["forward"]["p99"])
    if "cosine" in same:
        return raw.told(head, same)
    word = "same" if same["passed"] else "NOT the same"
    return (
        "{}: {}: {} of {} detections have a partner with IoU {:g} and score {:g} apart at most, counts agree on {} of "
        "{} photos; worst score difference {:.2g}, mean IoU {:.6f}".format(
            head, word, same["matched"], same["total"], same["limit"]["iou"], same["limit"]["delta"], same["alike"],
            same["photos"], same["worst_score_delta"], same["mean_iou"],
        )
    )  # fmt: skip
