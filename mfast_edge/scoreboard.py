"""What a search shows while it runs: a live table on a terminal, elsewhere a line for each finished trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.pareto import front

if TYPE_CHECKING:
    from mfast_edge.spaces import Goals
    from mfast_edge.terminal import Terminal
    from search.study import Trial

MOST = 6  # settings on a line
SLOTTED = ("slot", "tail")  # a searched network's own
ROWS = 12  # of the Pareto front in the live table, the best by the first objective first


class Scoreboard:
    """Trials, the best so far and the Pareto front."""

    def __init__(self, objectives: Goals, terminal: Terminal):
        self.objectives, self.terminal = objectives, terminal
        self.told: set[int] = set()
        self.trials: Sequence[Trial] = ()
        self.live: Live | None = None
        self.word = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The live table, as long as this is open, where there is a terminal to draw it on."""
        if not self.terminal.out.is_terminal or self.terminal.as_json:
            yield
            return
        with Live(console=self.terminal.out, refresh_per_second=2) as self.live:
            yield
        self.live = None

    def say(self, line: str) -> None:
        """What goes on inside a trial."""
        self.word = line
        if self.live is None:
            self.terminal.progress(line)
        else:
            self.draw(self.live)

    def draw(self, live: Live) -> None:
        """The table, and below it what goes on."""
        live.update(Group(self.table(self.trials), Text(self.word, style="dim")))

    def update(self, trials: Sequence[Trial]) -> None:
        """Show what is finished."""
        self.trials = trials
        if self.live is not None:
            self.draw(self.live)
            return
        for trial in trials:
            if trial.number is not None and trial.id not in self.told:
                self.told.add(trial.id)
                self.terminal.trial(self.line(trial, trials))

    def line(self, trial: Trial, trials: Sequence[Trial]) -> str:
        """One finished trial, and the best so far."""
        came = self.figures(trial) if trial.state == "complete" else f"{trial.state}: {trial.why}".removesuffix(": ")
        return f"trial {trial.id}: {came} ({brief(trial)}; {trial.seconds:.0f} s); {self.best(trials)}"

    def figures(self, trial: Trial) -> str:
        """The objectives of a trial."""
        return ", ".join(f"{name} {value:.4g}" for name, value in zip(self.objectives, trial.values, strict=True))

    def best(self, trials: Sequence[Trial]) -> str:
        """The best so far by the first objective, and how long the Pareto front is."""
        complete = [trial for trial in trials if trial.state == "complete"]
        if not complete:
            return "none answered yet"
        first, way = next(iter(self.objectives.items()))
        pick = max if way == "maximize" else min
        found = pick(complete, key=lambda trial: trial.values[0])
        return f"best {first} {found.values[0]:.4g} (trial {found.id}), Pareto front of {len(self.front(complete))}"

    def front(self, complete: Sequence[Trial]) -> list[Trial]:
        """The trials that no other one beats."""
        ways = list(self.objectives.values())
        return [complete[place] for place in front([trial.values for trial in complete], ways)]

    def table(self, trials: Sequence[Trial]) -> Table:
        """The Pareto front as a table; below it what the trials came to."""
        counted = {state: sum(trial.state == state for trial in trials) for state in ("complete", "rejected", "pruned")}
        told = ", ".join(f"{count} {state}" for state, count in counted.items())
        running = [f"trial {trial.id}" for trial in trials if trial.state == "running"]
        caption = f"{told}; running: {', '.join(running) or 'none'}; {self.best(trials)}"
        made = Table("trial", *self.objectives, "settings", title="Pareto front", caption=caption)
        complete = [trial for trial in trials if trial.state == "complete"]
        up = next(iter(self.objectives.values())) == "maximize"
        edge = self.front(complete) if complete else []
        for trial in sorted(edge, key=lambda trial: trial.values[0], reverse=up)[:ROWS]:
            made.add_row(str(trial.id), *(f"{value:.4g}" for value in trial.values), brief(trial))
        return made


def brief(trial: Trial) -> str:
    """A trial's settings on a line; of many those of plan and model, and how many more there are."""
    told = [
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in trial.params.items()
    ]
    if len(told) > MOST:
        told = [one for one in told if not one.startswith(SLOTTED)][:MOST]
        told.append(f"… {len(trial.params) - len(told)} more")
    return ", ".join(told)
