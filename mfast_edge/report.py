"""A run as a page: report.md and a self-contained report.html; `python -m mfast_edge.report RUN` writes them again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.data.sample import Dataset, Record, Truth
    from mfast_edge.models.detections import Detections
    from mfast_edge.pipeline import Row
    from mfast_edge.quality import Examined
    from mfast_edge.tasks.task import Task
    from mfast_edge.workshop import Workshop

PHOTOS = 4
SIDE = 640  # pixels of the longer side of a photo in the report
LIBRARIES = ("mfast-edge", "torch", "torchvision", "onnx", "onnxruntime", "openvino", "numpy", "opencv-python-headless")

app = door()


@app.command()
def report(run: Annotated[Path, typer.Argument(help="The folder of a finished run.")]) -> None:
    """Write report.md and report.html of a finished RUN again, and the pages of its search, from what it stored."""
    from mfast_edge.pages import search
    from mfast_edge.store import read_json

    final, told = read_json(run / "final.json"), read_json(run / "search.json")
    if told is not None:
        search.write(told, run)
        print(f"{run / 'search.html'} and search.md written")
    if final is None and told is not None:
        return
    if final is None or not (run / "page.json").is_file():
        raise UserError(f"{run}: no finished run; a folder that holds final.json and page.json would be right")
    render(final, run)
    print(f"{run / 'report.html'} and report.md written")


def write(shop: Workshop, rows: Sequence[Row], final: Mapping[str, Any], folder: Path) -> None:
    """page.json and photos/ with what final.json does not hold, report.md, report.html."""
    from mfast_edge.settings import canonical
    from mfast_edge.store import write_json

    write_json(folder / "page.json", gather(shop, rows, final, folder))
    render(json.loads(canonical(final)), folder)  # in the order in which it will be read again


def render(final: Mapping[str, Any], folder: Path) -> None:
    """Both pages, from JSON and JPEG alone."""
    from benchmarks.results import read
    from mfast_edge.data.report import save
    from mfast_edge.pages import graph
    from mfast_edge.pages.html import html
    from mfast_edge.pages.markdown import markdown
    from mfast_edge.pages.view import Told, view
    from mfast_edge.store import read_json

    results = [read(path) for path in sorted((folder / "results").glob("*.json"))]
    seen = graph.view if "graph" in final else view
    page = seen(Told(final, read_json(folder / "page.json"), read_json(folder / "data.json") or [], results))
    save(folder / "report.md", markdown(page))
    save(folder / "report.html", html(page, folder))


def gather(shop: Workshop, rows: Sequence[Row], final: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What the page needs beside final.json; the photos are drawn into `folder`/photos."""
    from mfast_edge.changes import changes, widths

    before, after = looked(shop, rows, final)
    return {
        "target": shop.target.title,
        "data": described(shop.data, shop.seed),
        "versions": versions(),
        "photos": drawn(shop, before, after, folder),
        "drawn": {"before": before.quality.confidence, "after": after.quality.confidence},
        "changes": changes(shop, rows),
        "widths": widths(rows),
        "layers": choices(rows),
        "figures": figures(shop.task, shop.data, after),
    }


def figures(task: Task, data: Dataset, looked: Examined) -> dict[str, Any]:
    """What the final file got wrong on test, and how sure it was."""
    from mfast_edge.tasks.scene import Scene, measure

    scene = Scene.of(data.splits["test"], looked.found, data.classes, looked.quality.confidence)
    return measure(task.METRICS, task.SHOWN, scene)


def choices(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What became of each layer that was offered for decomposition, and why."""
    from mfast_edge.store import read_json

    told = [read_json(row.candidate.folder / "decompose.json") for row in rows if row.stage == "decompose"]
    return [choice for one in told for choice in one]


def looked(shop: Workshop, rows: Sequence[Row], final: Mapping[str, Any]) -> tuple[Examined, Examined]:
    """What the float network and the final file found on test, out of the store."""
    from mfast_edge.judge import as_file, as_torch

    base, last = rows[0].candidate, [row.candidate for row in rows if row.verdict.keep][-1]
    before = as_torch(shop, base, "test")
    if last.form == "torch":
        return before, as_torch(shop, last, "test")
    runtime = next(row["runtime"] for row in final["rows"] if row["key"] == last.key)
    return before, as_file(shop, last, runtime, "test")


def described(data: Dataset, seed: int) -> dict[str, Any]:
    """The data: how they are read again, photos and boxes of each split, classes."""
    splits = {
        part: [len(records), sum(int((~record.truth.ignore).sum()) for record in records)]
        for part, records in data.splits.items()
    }
    how = {} if data.how is None else {"split": data.how.model_dump(mode="json")}
    deals = {"folds": [deal.to_json() for deal in data.deals]} if data.deals else {}
    mapping = {"mapping": data.mapping} if data.mapping else {}
    told = {"spec": data.spec, "seed": seed, "splits": splits, "classes": list(data.classes)}
    return {**told, **how, **deals, **mapping, **classified(data)}


def classified(data: Dataset) -> dict[str, Any]:
    """Photos of each class in train, val and test, where photos have a class of their own."""
    from mfast_edge.data.whole import counts

    return {"task": data.task, "counts": counts(data)} if data.task == "classify" else {}


def versions() -> dict[str, str]:
    """Of the libraries that the figures depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout, or a runtime that is not here
            continue
    return found


def drawn(shop: Workshop, before: Examined, after: Examined, folder: Path) -> list[dict[str, Any]]:
    """Some test photos, evenly spread over those with objects: truth, before, after."""
    test = shop.data.splits["test"]
    places = [place for place, record in enumerate(test) if len(record.truth.boxes)]
    chosen = places[:: max(1, len(places) // PHOTOS)][:PHOTOS]
    (folder / "photos").mkdir(exist_ok=True)
    return [
        {"name": test[place].name, **triple(shop, place, (before, after), folder / "photos" / f"{number}")}
        for number, place in enumerate(chosen)
    ]


def triple(shop: Workshop, place: int, pair: tuple[Examined, Examined], stem: Path) -> dict[str, Any]:
    """The paths in the run's folder of one photo's three drawings, and what stands under each."""
    record, paths, captions = shop.data.splits["test"][place], {}, {}
    sure = [shop.task.shown(one.found[place], one.quality.confidence) for one in pair]
    marked: dict[str, Detections | Truth] = {"truth": record.truth, "before": sure[0], "after": sure[1]}
    for kind, marks in marked.items():
        path = stem.with_name(f"{stem.name}-{kind}.jpg")
        paint(shop, record, marks, path)
        paths[kind], captions[kind] = f"photos/{path.name}", shop.task.caption(marks, shop.data.classes)
    return {**paths, "captions": captions}


def paint(shop: Workshop, record: Record, marks: Detections | Truth, path: Path) -> None:
    """One drawn photo as JPEG."""
    from PIL import Image

    from mfast_edge.data.photo import load

    image = Image.fromarray(shop.task.draw(load(record), marks, shop.data.classes))
    image.thumbnail((SIDE, SIDE))
    image.save(path, quality=80)


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
