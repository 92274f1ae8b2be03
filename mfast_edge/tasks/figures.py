"""Every figure beside the headline: COCO's, VOC's, by relative area, F1 by confidence, mistakes, intervals."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

import numpy as np

from mfast_edge.metrics import average_precision, bootstrap, coco, f1, relative_area, voc
from mfast_edge.metrics import errors as mistakes
from mfast_edge.metrics.average_precision import Points
from mfast_edge.metrics.mean import macro
from mfast_edge.tasks.scene import Json, Scene

POINTS: tuple[Points, ...] = ("101", "11", "all")
VOC_POINTS: tuple[Points, ...] = ("11", "all")
STEPS = 101  # confidences 0, .01 … 1


def by_coco(scene: Scene) -> Json:
    """COCO's twelve."""
    return dict(coco.coco(scene.truths, scene.found, len(scene.classes)))


def by_voc(scene: Scene) -> Json:
    """VOC's mean at IoU .5 and .75, by 11 points and by all; each class at .5 and `ranking`: .75 by all."""
    matches = voc.match(scene.truths, scene.found, len(scene.classes))
    tables = {points: average_precision.table(matches, None, (0, 1), points)[0] for points in VOC_POINTS}
    means = {points: macro(table) for points, table in tables.items()}
    classes = {
        name: {points: table[0, label] for points, table in tables.items()}
        for label, name in enumerate(scene.classes)
        if not np.isnan(tables["all"][0, label])
    }
    figures = {f"{points} points": {"map50": mean[0], "map75": mean[1]} for points, mean in means.items()}
    return {**figures, "per_class": classes, "ranking": round(float(means["all"][1]), 5)}


def by_area(scene: Scene) -> Json:
    """By relative area, for each way of reading precision."""
    given = (scene.truths, scene.found, len(scene.classes), scene.pixels)
    return {f"{points} points": asdict(relative_area.relative_area(*given, points)) for points in POINTS}


def by_area_weighted(scene: Scene) -> Json:
    """The same as M-fast weighed it."""
    given = (scene.truths, scene.found, len(scene.classes), scene.pixels)
    return {f"{points} points": asdict(relative_area.weighted(*given, points)) for points in POINTS}


def f1_curve(scene: Scene) -> Json:
    """F1 at confidences 0, .01 … 1: macro, and of each class with truths."""
    found = f1.curve(scene.matches, np.linspace(0, 1, STEPS))
    named = zip(scene.classes, found.f1, strict=True)
    classes = {name: line.tolist() for name, line in named if not np.isnan(line).all()}
    return {"confidence": found.confidences.tolist(), "macro": macro(found.f1.T).tolist(), "per_class": classes}


def by_error(scene: Scene) -> Json:
    """Each class's mistakes at the confidence."""
    told = mistakes.errors(scene.truths, scene.found, len(scene.classes), scene.confidence)
    rows = {
        name: {
            "truths": one.truths,
            "right": one.right,
            **{kind: one.kinds[kind] for kind in mistakes.KINDS},
            "mistaken": {scene.classes[label]: count for label, count in one.mistaken.most_common()},
        }
        for name, one in zip(scene.classes, told, strict=True)
        if one.truths or one.right or one.kinds
    }
    return {"confidence": scene.confidence, "per_class": rows}


def intervals(scene: Scene) -> Json:
    """mAP@.5, mAP@.75, mAP and F1, each with the 95 % bootstrap interval over images."""
    measures: dict[str, bootstrap.Measure] = {
        "map50": average_precision.map50,
        "map75": average_precision.map75,
        "map": average_precision.map_all,
        "f1": bootstrap.at(scene.confidence),
    }
    matches = scene.matches
    return {name: asdict(bootstrap.interval(matches, measure=one)) for name, one in measures.items()}


METRICS: Mapping[str, Callable[[Scene], Json]] = {
    "coco": by_coco,
    "voc": by_voc,
    "area": by_area,
    "area-weighted": by_area_weighted,
    "f1": f1_curve,
    "errors": by_error,
    "intervals": intervals,
}
