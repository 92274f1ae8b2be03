"""What each stage did to the network, from blueprints and lineage: input, anchors, widths, float blocks, teacher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mfast_edge import blueprint
from mfast_edge.candidate import Candidate, following

if TYPE_CHECKING:
    from mfast_edge.pipeline import Row
    from mfast_edge.workshop import Workshop

Json = Mapping[str, Any]
MOST = 12  # fitted shapes that are told one by one


def changes(shop: Workshop, rows: Sequence[Row]) -> list[dict[str, str]]:
    """{stage, what, before, after} of everything that a stage changed or was given, in the order of the stages."""
    found = []
    for row in rows:
        step, before = row.candidate.lineage[-1], parent(rows, row.candidate)
        told = [*settled(step.settings, step.reads)]
        if before:
            told = [*rebuilt(before, row.candidate), *counted(shop, before, row.candidate), *told]
        found += [{"stage": row.stage, "what": what, "before": old, "after": new} for what, old, new in told]
    return found


def widths(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """{stage, layer, before, after} of every layer left with other output channels; depthwise ones follow others."""
    found = []
    for row in rows:
        if (before := parent(rows, row.candidate)) is None or row.candidate.form != "torch":
            continue
        was, now = (blueprint.read(one.folder)["layers"] for one in (before, row.candidate))
        found += [
            {"stage": row.stage, "layer": path, "before": channels(was[path]), "after": channels(now[path])}
            for path in now
            if path in was and None not in (channels(was[path]), channels(now[path]))
            if channels(was[path]) != channels(now[path])
        ]
    return found


def parent(rows: Sequence[Row], child: Candidate) -> Candidate | None:
    """What a row's stage was given; None for the first."""
    made = (row.candidate for row in rows)
    return next((one for one in made if following(one.key, child.lineage[-1]) == child.key), None)


def channels(layer: Json) -> int | None:
    """Output channels of a plain convolution or linear layer."""
    if layer["type"] == "Linear":
        return int(layer["out_features"])
    return int(layer["out_channels"]) if layer["type"] == "Conv2d" and layer["groups"] == 1 else None


def rebuilt(before: Candidate, after: Candidate) -> Iterator[tuple[str, str, str]]:
    """Input size and anchors, where they differ."""
    was, now = (blueprint.read(one.folder)["decode"] for one in (before, after))
    if was["height"] != now["height"]:
        yield "input, px", f"{was['height']}", f"{now['height']}"
    old, new = was.get("shapes", []), now.get("shapes", [])
    if old != new:
        yield "anchors per place", per_level(was), per_level(now)
        known = [shape for level in old for shape in level]
        fresh = [shape for level in new for shape in level if shape not in known]
        if 0 < len(fresh) <= MOST:
            yield "anchors fitted, height x width", "", ", ".join(f"{h:.2f} x {w:.2f}" for h, w in fresh)


def per_level(decode: Json) -> str:
    """`3, 6 on maps of 19, 10 px`; levels without anchors are gone."""
    counts = ", ".join(str(len(level)) for level in decode["shapes"])
    return f"{counts} on maps of {', '.join(map(str, decode['maps']))} px"


def counted(shop: Workshop, before: Candidate, after: Candidate) -> Iterator[tuple[str, str, str]]:
    """Multiply-adds, where a network's differ from its parent's."""
    from export.macs import macs
    from mfast_edge.runners import float_graph

    if after.form == "torch":
        was, now = (macs(float_graph(shop, one)) for one in (before, after))
        if was != now:
            yield "multiply-adds, million", f"{was / 1e6:.1f}", f"{now / 1e6:.1f} ({now / was:.2f} of them)"


def settled(settings: Json, reads: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Blocks that stayed in float, and the network that a training learnt from."""
    if blocks := settings.get("keep_float"):
        yield "blocks kept in float", "", ", ".join(blocks)
    if settings.get("teacher"):
        weights = f"logits {settings.get('logits', 1.0):g}, features {settings.get('features', 0.0):g}"
        yield "learnt from", "", f"{settings['teacher']} ({reads['teacher']}), {weights}"
