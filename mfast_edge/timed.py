"""Every stage of a run timed in the same alternating rounds: forward, its surroundings, end to end, backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from os import cpu_count
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import timing
from export.sessions import Session, open_session
from mfast_edge.data.photo import load as load_photo
from mfast_edge.models.steps import parts
from mfast_edge.pipeline import Row
from mfast_edge.runners import backward, runnable, through, torch_on, undressed

if TYPE_CHECKING:
    from mfast_edge.workshop import Workshop

PARTS = ("pre", "post", "end_to_end")
TORCH = "torch"  # the runtime of a torch candidate's own rows
PHOTOS = 8  # that calls take in turn
Summary = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Timed:
    """One stage's graph in one runtime with so many threads: summaries in ms, as benchmarks.timing gives them."""

    stage: str
    runtime: str
    threads: int
    versions: Mapping[str, str]
    forward: Summary
    parts: Mapping[str, Summary] = field(default_factory=dict)  # pre, post, end_to_end, forward_backward


def clock(shop: Workshop, rows: Sequence[Row]) -> list[Timed]:
    """Each row that no other stands for, in each runtime at the target's threads, with all its parts; then, with all
    cores, the forward of the first row and of the last one kept."""
    few, many = shop.target.threads, cpu_count() or 1
    mine = [row for row in rows if stood(shop, rows, row) is row]
    timed = rounds(shop, opened(shop, mine, few), few, whole=True)
    last = [row for row in rows[1:] if row.verdict.keep][-1:]
    ends = [rows[0], *(stood(shop, rows, row) for row in last)]
    if many > few:
        timed += rounds(shop, opened(shop, ends, many), many, whole=False)
    return timed


def stood(shop: Workshop, rows: Sequence[Row], row: Row) -> Row:
    """The row whose time stands for a row's: its own; where the device is not here, that of the float graph."""
    wanted = row.candidate.key if shop.target.here else undressed(shop, row.candidate).key
    return next((one for one in rows if one.candidate.key == wanted), row)


def opened(shop: Workshop, rows: Sequence[Row], threads: int) -> list[tuple[Row, str, Session]]:
    """The graphs of all rows in all measured runtimes. A torch row stands as its float graph."""
    return [
        (row, runtime, open_session(file, runtime, threads=threads))
        for row in rows
        for file, runtime in runnable(shop, row.candidate)
    ]


def rounds(shop: Workshop, sessions: Sequence[tuple[Row, str, Session]], threads: int, whole: bool) -> list[Timed]:
    """Alternating rounds over all sessions; `whole` adds what surrounds the forward, and torch itself."""
    photos = [load_photo(record) for record in shop.data.splits["val"][:PHOTOS]]
    calls: dict[str, Callable[[], object]] = {}
    for row, _, session in sessions:
        made = parts(session, photos, shop.model.decode, shop.facts(row.candidate))
        names = {part: key(shop, row, session, part) for part in made if whole or part == "forward"}
        wanted = {name: made[part] for part, name in names.items()}
        calls = wanted | calls  # what needs no runtime is timed once
    networks = list({row.stage: row for row, _, _ in sessions if whole and row.candidate.form == "torch"}.values())
    for row in networks:
        calls |= {key(shop, row, None, part): call for part, call in of_torch(shop, row).items()}
    with torch_on(threads):
        series = shop.time(calls)
    found = {name: timing.summary(one) for name, one in series.items()}
    done = [timed(shop, row, session, found) for row, runtime, session in sessions]
    return done + [in_torch(shop, row, threads, found) for row in networks]


def of_torch(shop: Workshop, row: Row) -> dict[str, Callable[[], object]]:
    """A network's forward, and its forward and backward, in torch itself."""
    facts = shop.facts(row.candidate)
    image = np.zeros((1, 3, facts["height"], facts["width"]), np.float32)
    forward = through(shop.network(row.candidate), shop.device)
    return {"forward": partial(forward, image), "forward_backward": backward(shop, row.candidate)}


def in_torch(shop: Workshop, row: Row, threads: int, found: Mapping[str, Summary]) -> Timed:
    """What was found of one network in torch."""
    forward, both = (found[key(shop, row, None, part)] for part in ("forward", "forward_backward"))
    return Timed(row.stage, TORCH, threads, {TORCH: version(TORCH)}, forward, {"forward_backward": both})


def timed(shop: Workshop, row: Row, session: Session, found: Mapping[str, Summary]) -> Timed:
    """What was found of one graph in one runtime."""
    names = {part: key(shop, row, session, part) for part in ("forward", *PARTS)}
    kept = {part: found[names[part]] for part in PARTS if names[part] in found}
    return Timed(row.stage, session.runtime, session.threads, session.versions, found[names["forward"]], kept)


def key(shop: Workshop, row: Row, through: Session | None, part: str) -> str:
    """What is timed together: resizing is the same for all of a size and type, decoding for all runtimes of a row.

    `through`: the session, None for torch.
    """
    runtime, kind = (through.runtime, through.pixels) if through else (TORCH, "float32")
    pre = f"pre {shop.facts(row.candidate)['height']} {kind}"
    return {"pre": pre, "post": f"{row.stage} post"}.get(part, f"{row.stage} {runtime} {part}")


def fastest(timed: Sequence[Timed], stage: str, threads: int) -> Timed:
    """The stage's graph in the runtime with the smallest median."""
    mine = (t for t in timed if t.stage == stage and t.threads == threads and t.runtime != TORCH)
    return min(mine, key=lambda t: t.forward["p50"])
