"""The report as one HTML file that needs nothing beside it."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from mfast_edge.pages.view import View


def html(view: View, folder: Path) -> str:
    """The whole page; the photos, paths in `folder`, are put into it."""
    return rendered("report.html", view=view, embedded=lambda path: embedded(folder / path))


def rendered(template: str, **told: Any) -> str:
    """A page of this folder."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    room = Environment(
        loader=PackageLoader("mfast_edge", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return room.get_template(template).render(**told)


def embedded(path: Path) -> str:
    """A JPEG as a data URI."""
    return f"data:image/jpeg;base64,{b64encode(path.read_bytes()).decode()}"
