"""Side door: a data set from one format into another; no box is changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfast_edge.door import door, guarded
from mfast_edge.errors import UserError

if TYPE_CHECKING:
    from mfast_edge.data.copied import Copy

app = door()


@app.command()
def convert(
    data: Annotated[str, typer.Argument(help="FORMAT:PATH, several joined by +: what is read.")],
    to: Annotated[str, typer.Argument(help="voc:FOLDER, coco:FOLDER, yolo:FOLDER or kitti:FOLDER: what is written.")],
    classes: Annotated[str | None, typer.Option(help="A class map: a YAML file, a name, or typed.")] = None,
    link: Annotated[bool, typer.Option("--link", help="Symbolic links to the photos instead of copies.")] = False,
    out: Annotated[Path, typer.Option(help="Where facts about photos are kept.")] = Path("runs"),
) -> None:
    """Write DATA again in another format. Boxes, splits and flags stay; report.json says what was left out or lost."""
    from importlib import import_module

    from mfast_edge.data.classes import parse
    from mfast_edge.data.copied import Terms, copied
    from mfast_edge.data.report import Report
    from mfast_edge.data.writers import WRITERS

    form, root = place(to, tuple(WRITERS))
    writer = import_module(WRITERS[form])
    terms = Terms(form, writer.SIZED, writer.IGNORES)
    copy, findings = copied(data, terms, out / "data", parse(classes) if classes else None)
    root.mkdir(parents=True, exist_ok=True)
    writer.write(copy, root)
    bring(copy, root / writer.PHOTOS, link)
    parts = ", ".join(f"{len(stems)} {part}" for part, stems in copy.splits.items()) or "no splits"
    boxes = sum(len(sheet.things) for sheet in copy.sheets)
    print(f"{len(copy.sheets)} photos ({parts}) with {boxes} boxes of {len(copy.classes)} classes written to {to}")
    report = Report(tuple(findings))
    report.write(root / "report.json")
    for line in report.lines():
        print(f"  {line}")


def place(to: str, forms: tuple[str, ...]) -> tuple[str, Path]:
    """The format and the empty folder that `to` names. UserError where it is neither."""
    form, _, where = to.partition(":")
    if form not in forms or not where:
        raise UserError(f"convert: {to}: one of {', '.join(forms)} with a folder, as in coco:FOLDER, would be right")
    root = Path(os.path.expanduser(where))
    if os.path.exists(root) and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"convert: {to}: there is something already; an empty or new folder would be right")
    return form, root


def bring(copy: Copy, folder: Path, link: bool) -> None:
    """The photos, copied or linked."""
    folder.mkdir(parents=True, exist_ok=True)
    for sheet in copy.sheets:
        if link:
            (folder / sheet.file).symlink_to(sheet.path.resolve())
        else:
            shutil.copyfile(sheet.path, folder / sheet.file)


def main() -> None:
    """Run the door."""
    guarded(app)


if __name__ == "__main__":
    main()
