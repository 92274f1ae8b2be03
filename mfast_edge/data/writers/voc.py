"""Pascal VOC as it is written: Annotations, ImageSets/Main, and labels.txt for the order of the classes."""

from pathlib import Path
from xml.sax.saxutils import escape

from mfast_edge.data.copied import Copy, Sheet, lists
from mfast_edge.data.draft import Thing

PHOTOS = "JPEGImages"
SIZED = True  # the annotation states the photo's size
IGNORES = "objects"  # an object can be marked as one to be ignored


def write(copy: Copy, root: Path) -> None:
    """One XML per photo; ignored objects are `difficult`."""
    (root / "Annotations").mkdir()
    (root / "labels.txt").write_text("\n".join(copy.classes) + "\n")
    for sheet in copy.sheets:
        (root / "Annotations" / f"{sheet.stem}.xml").write_text(annotation(sheet, copy.classes))
    lists(copy, root / "ImageSets" / "Main", "{}")


def annotation(sheet: Sheet, classes: tuple[str, ...]) -> str:
    size = f"<size><width>{sheet.width}</width><height>{sheet.height}</height><depth>3</depth></size>"
    rows = [found(thing, classes) for thing in sheet.things]
    inner = "\n".join([f"<filename>{escape(sheet.file)}</filename>", size, *rows])
    return f"<annotation>\n{inner}\n</annotation>\n"


def found(thing: Thing, classes: tuple[str, ...]) -> str:
    """An object; numbers as short as they can be without being others."""
    sides = zip(("xmin", "ymin", "xmax", "ymax"), thing.box, strict=True)
    box = "".join(f"<{name}>{side!r}</{name}>" for name, side in sides)
    name = escape(classes[thing.kind])
    return f"<object><name>{name}</name><difficult>{int(thing.ignore)}</difficult><bndbox>{box}</bndbox></object>"
