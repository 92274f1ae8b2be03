"""A search from what was asked to an exit code: study, workers, report, winner, the winner's run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfast_edge import model as models
from mfast_edge import plan as plans
from mfast_edge import run as runs
from mfast_edge import spaces
from mfast_edge import target as targets
from mfast_edge.again import command
from mfast_edge.candidate import digest
from mfast_edge.door import hidden
from mfast_edge.errors import UserError
from mfast_edge.outcome import answered, counts, often, outcome
from mfast_edge.scoreboard import Scoreboard
from mfast_edge.store import read_json, write_json
from mfast_edge.terminal import Terminal
from search.space import SpaceError, parse, size
from search.study import Settings, StudyError, read
from search.study import run as work

if TYPE_CHECKING:
    from mfast_edge.foreseen import Ready
    from mfast_edge.trials import Trials
    from search.study import Trial


@dataclass(frozen=True, slots=True)
class Hunt:
    """The door's arguments, as typed; `asked` those that compress has too. `place`: the number of a worker, None
    leads; `words`: the command's own, for other workers."""

    asked: runs.Asked
    space: str
    workers: int
    study: str | None
    final: bool
    place: int | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """One search, ready to run: its trials, its study, where it lies, who shows it."""

    hunt: Hunt
    trials: Trials
    settings: Settings
    folder: Path
    board: Scoreboard

    def finished(self) -> list[Trial]:
        """Every trial of the study, of all workers, as it is now."""
        storage = self.settings.storage
        if isinstance(storage, Path) and not storage.exists():
            return []
        return read(self.settings)


def run(hunt: Hunt) -> int:
    """0: the winner passed every gate, or was not asked for. 1: a gate failed; the report is written all the same."""
    terminal = Terminal(hunt.asked.json)
    search = prepared(hunt, terminal)
    try:
        if hunt.asked.dry_run:
            return preview(search, terminal)
        if hunt.place is not None:
            return labour(search, lambda: None)
        return led(search, terminal)
    except StudyError as wrong:
        raise UserError(f"--storage: {wrong}") from None


def prepared(hunt: Hunt, terminal: Terminal) -> Search:
    """Everything read and checked; nothing is trained or measured."""
    from mfast_edge.trials import Trials

    asked, space = hunt.asked, spaces.read(hunt.space)
    target = targets.find(asked.target)
    if both := sorted(set(asked.given) & (space.names | space.proxy.keys())):
        raise UserError(f"--set {both[0]}: space {space.name} has this setting; one of the two would be right")
    if not (asked.search or asked.hours is not None or asked.dry_run):
        raise UserError("tune: no end was given; --search 40, --hours 2 or both would be right")
    board = Scoreboard(space.objectives, terminal)
    planned, base = planner(asked, target, board)
    home = f"{models.title(base.shop.model)}-{base.shop.data.name}-{target.name}-{space.name}"
    folder = asked.out / (asked.name or home)
    trials = Trials(space, planned, folder, board.say)
    trials.planned({**space.proxy, **space.reference}).upto(trials.until)  # a mistake in them is told now
    return Search(hunt, trials, studied(hunt, trials, folder), folder, board)


def planner(
    asked: runs.Asked, target: targets.Target, board: Scoreboard
) -> tuple[Callable[[Mapping[str, Any]], Ready], Ready]:
    """(dotted settings → the plan with them and its surroundings, the same without any)."""
    from mfast_edge.data.sample import labels, objects
    from mfast_edge.foreseen import Ready
    from mfast_edge.models import MODELS

    model = models.find(asked.model, MODELS)

    def check(given: Mapping[str, Any]) -> object:
        return runs.build_settings(model, given, asked.init, ("any",))

    plan = plans.read(asked.plan, target, asked.given, check)
    runs.check_adopts(plan)
    runs.check_engine(plan)
    shop = runs.furnish(asked, model, target, plan, board.terminal)
    base = Ready(plan, replace(shop, tell=board.say))
    runs.check_teachers(plan, base.shop)
    runs.check_stages(plan, base.shop)
    train = base.shop.data.splits["train"]
    boxes, kinds = objects(train), labels(train)

    def planned(settings: Mapping[str, Any]) -> Ready:
        if not settings:
            return base
        made = plans.read(asked.plan, target, {**settings, **asked.given}, check)
        given = runs.build_settings(model, made.model, asked.init, base.shop.data.classes)
        ready = Ready(made, replace(base.shop, build=models.settled(given, boxes, kinds), known={}))
        runs.check_sizes(made, ready.shop)
        runs.check_stages(made, ready.shop)
        return ready

    return planned, base


def studied(hunt: Hunt, trials: Trials, folder: Path) -> Settings:
    """The study's settings. Workers that begin at once, before any trial tells of itself, are held to the same too."""
    space, given = trials.space, hunt.asked.storage
    storage: Path | str = given if given and "://" in given else Path(given) if given else folder / "search.log"
    name = hunt.study or f"{space.name}-{trials.question()}"
    seed, first = trials.base.plan.seed, own(trials)
    ways = (space.sampler, space.pruner, space.curve)
    about = {"set of data, settings and versions": trials.question()}
    if space.clocked:
        about["machine, with which no ms compare"] = trials.base.shop.machine
    return Settings(name, space.directions, seed, storage, first, *ways, trials.steps, about)


def own(trials: Trials) -> dict[str, Any]:
    """The plan's own values of what varies: where a search begins."""
    plan, shop = trials.base.plan, trials.base.shop
    rooms = {name: stage.model_dump(mode="json") for name, stage in plan.stages}
    rooms["model"] = shop.build.model_dump(mode="json")
    found = {}
    for knob in trials.space.settings:
        room, _, rest = knob.partition(".")
        if (value := rooms.get(room, {}).get(rest)) is not None:
            found[knob] = value
    return found


def labour(search: Search, seen: Callable[[], None]) -> int:
    """Run trials in this process until there are enough, or no time, or none left."""
    asked, trials = search.hunt.asked, search.trials
    mine = digest([search.settings.name, hidden(str(search.settings.storage))])[:8]  # another study has its own hours
    spent = search.folder / f"spent-{trials.question()}-{mine}-{search.hunt.place or 0}.json"
    before, begun = float((read_json(spent) or {"seconds": 0.0})["seconds"]), time.monotonic()

    def late() -> bool:
        seen()
        seconds = before + time.monotonic() - begun
        write_json(spent, {"seconds": seconds})
        return asked.hours is not None and seconds >= asked.hours * 3600

    try:
        space = parse(trials.space.knobs)
        work(trials.attempt, space, search.settings, trials=asked.search or None, stop=late)
    except SpaceError as wrong:
        raise UserError(f"--space: {wrong}") from None
    finally:
        late()
    return 0


def led(search: Search, terminal: Terminal) -> int:
    """Search, tell, report; then the winner's own run."""
    base = search.trials.base
    search.finished()  # a study about something else is told of now
    terminal.head(base.plan, base.shop, search.folder)
    runs.check_target(base.plan, base.shop, terminal)
    with search.board.shown():
        hunting(search)
    found = search.finished()
    told = summary(search, found)
    if told["winner"]:
        tree = search.trials.space.tree(told["winner"]["params"])
        told["winner"]["again"] = command(search.hunt.asked, tree, search.folder)
    from mfast_edge.pages.search import write

    write(told, search.folder)
    if told["winner"] is None:
        raise UserError(
            f"search: no trial of {told['counts']['finished']} was answered ({often(found)}); wider limits, or more "
            f"trials, would be right; {search.folder / 'search.html'} tells of each"
        )
    terminal.say(f"{told['winner']['why']}; {search.folder / 'search.html'}")
    return proven(search, told, terminal)


def hunting(search: Search) -> None:
    """The trials, in this process or in as many as were asked for, unless there are enough already."""
    hunt, found = search.hunt, search.finished()
    search.board.update(found)
    done = sum(trial.number is not None for trial in found)
    if hunt.asked.search and done >= hunt.asked.search:
        return
    search.trials.prepare()

    def show() -> None:
        search.board.update(search.finished())

    if hunt.workers == 1:
        labour(search, show)
    else:
        from mfast_edge.workers import toil

        toil(hunt.workers, hunt.words, search.folder, show, search.board.terminal.trial)
    show()


def proven(search: Search, told: Mapping[str, Any], terminal: Terminal) -> int:
    """The winner, trained in full and through the whole plan as compress would."""
    if not search.hunt.final:
        if terminal.as_json:
            print(json.dumps(told))
        return 0
    ready = search.trials.planned(search.trials.space.tree(told["winner"]["params"]))
    runs.check_target(ready.plan, ready.shop, terminal)
    rows = runs.walked(ready.plan, ready.shop, search.folder, None, terminal)
    final = runs.proven(ready.plan, ready.shop, rows, search.folder, search.hunt.asked.command)
    terminal.end({**final, "search": {**told, "trials": len(told["trials"])}}, search.folder)
    return 0 if all(gate["passed"] for gate in final["gates"]) else 1


def summary(search: Search, found: Sequence[Trial]) -> dict[str, Any]:
    """All that is known of a search, as JSON."""
    from mfast_edge.finals import finals

    trials, shop = search.trials, search.trials.base.shop
    return {
        "study": search.settings.name,
        "storage": hidden(str(search.settings.storage)),
        "command": search.hunt.asked.command,
        "model": models.title(shop.model),
        "data": shop.data.name,
        "target": shop.target.title,
        "machine": shop.machine,
        "seed": search.settings.seed,
        **outcome(trials.space, found, finals(trials, answered(found))),
    }


def preview(search: Search, terminal: Terminal) -> int:
    """--dry-run: what is searched, what is known, and what a trial of the plan's own settings would take."""
    from mfast_edge.pipeline import expected

    ready, found = search.trials.ready({}), search.finished()
    knobs = parse(search.trials.space.knobs)
    ahead = expected(ready.plan, ready.shop, runs.judged(ready.plan, ready.shop, search.folder))
    points, known = size(knobs), counts(found)
    told = {
        "study": search.settings.name,
        "storage": hidden(str(search.settings.storage)),
        "knobs": len(knobs),
        "points": points,
        "counts": known,
        "stages": [stage.told() for stage in ahead],
    }
    if terminal.as_json:
        print(json.dumps(told))
        return 0
    many = "without end" if points is None else f"{points} settings"
    terminal.say(f"study {told['study']} in {told['storage']}: {len(knobs)} knobs, {many}")
    terminal.say(f"{known['finished']} trials are finished; nothing was run")
    terminal.preview(ready.plan, ready.shop, ahead)
    return 0
