"""A run's autopsy: its float graph found, its surroundings set up again, the table written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge import target as targets
from mfast_edge.errors import UserError
from mfast_edge.opened import Opened, opened, surroundings
from mfast_edge.store import Store, write_json

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.workshop import Workshop

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The door's arguments, as typed."""

    run: Path
    data: str | None
    target: str | None
    photos: int
    most: int
    rounds: int | None
    out: Path | None


def dissected(asked: Asked) -> str:
    """The table of the autopsy, which is on disk as autopsy.json and autopsy.md then."""
    from mfast_edge.dissect import dissect

    run = opened(asked.run)
    shop = furnish(asked, run)
    bare = undressed(run.candidate, shop.store)
    found = dissect(shop, bare, asked.photos, asked.most)
    file = asked.out or asked.run / "autopsy.json"
    write_json(file, {"key": bare.key, "model": bare.model, **found})
    text = table(found)
    file.with_suffix(".md").write_text(text + "\n")
    return text


def furnish(asked: Asked, run: Opened) -> Workshop:
    """The workshop that the candidate came from. UserError: no data, or a target without int8."""
    target = targets.find(asked.target or run.final.get("target", "x86"))
    if target.int8 is None:
        raise UserError(f"--target: {target.name} has no int8; one such as x86 would be right")
    if asked.rounds:
        target = target.model_copy(update={"timing": target.timing.model_copy(update={"rounds": asked.rounds})})
    return surroundings(run, target, asked.data)


def undressed(candidate: Candidate, store: Store) -> Candidate:
    """The candidate before `quantize`."""
    if candidate.lineage[-1].stage != "quantize":
        return candidate
    return store.parent(candidate)


def table(found: Json) -> str:
    """Markdown: the blocks by quality regained, then sets of blocks in float."""
    outputs, keys = found["outputs"], [one["key"] for one in found["fine"]]
    titles = [one["title"] for one in found["fine"]]
    head = ["block in float", *titles, *(f"by {name}" for name in outputs), "1 - IoU", "score", "ms", "time"]
    rows = sorted(found["rows"], key=lambda one: -one[f"{keys[0]}_regained"])
    lines = [line(head), line(["---", *["---:"] * (len(head) - 1)])]
    lines += [line(cells(one, keys, outputs)) for one in rows]
    whole = [[name, found[name]] for name in ("float", "int8")]
    joint = [["+ " + one["keep_float"][-1], one] for one in found["front"][1:]]
    ends = [line(["together", *titles, "1 - IoU", "score", "ms"]), line(["---", *["---:"] * 5])]
    ends += [line([name, *summed(one, keys)]) for name, one in (*whole, *joint)]
    lost = ", ".join(f"{name} {-points:.2f}" for name, points in found["int8"]["by_output"].items())
    loss = found["float"][keys[0]] - found["int8"][keys[0]]
    text = (
        f"{found['photos']} photos of train, {found['runtime']}. Points regained and ms lost where one block stays in "
        f"float. All in int8 loses {loss:.2f} points of {titles[0]}; each output alone: {lost}."
    )
    return "\n".join([text, "", *lines, "", *ends])


def cells(one: Json, keys: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """A block's line."""
    points = [*(one[f"{key}_regained"] for key in keys), *(one["by_output"][name] for name in outputs)]
    ratio, errors = one["ratio"], [f"{one[name]:.4f}" for name in ("box_error", "score_error")]
    time = f"{ratio['median']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]"
    return [one["block"], *(f"{value:+.2f}" for value in points), *errors, f"{one['ms_lost']:+.3f}", time]


def summed(one: Json, keys: Sequence[str]) -> list[str]:
    """A whole graph's line."""
    errors = [f"{one[name]:.4f}" for name in ("box_error", "score_error")]
    return [*(f"{one[key]:.2f}" for key in keys), *errors, f"{one['ms']:.3f}"]


def line(cells: Sequence[str]) -> str:
    """A row of Markdown."""
    return f"| {' | '.join(cells)} |"
