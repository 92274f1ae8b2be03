"""Keep or roll back: is the child worth having on this target, within the accuracy budget?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import timing
from export.shape import grey
from mfast_edge import blueprint
from mfast_edge.candidate import digest, untouched
from mfast_edge.quality import Examined, examine, look, lost
from mfast_edge.runners import float_graph, int8_graph, open_file, open_network, stand_in, telling
from mfast_edge.store import read_json, write_json
from mfast_edge.verdict import Names, Verdict, loss_over, returned, said, settle, told_loss

if TYPE_CHECKING:
    from mfast_edge.candidate import Candidate
    from mfast_edge.models.detections import Forward
    from mfast_edge.stages.quantize import Quantize
    from mfast_edge.workshop import Workshop

# Detections of at least this score count; so large a share of both sides' must match.
PARITY_SCORE, PARITY = 0.05, 0.995
PARITY_FP16 = 0.99  # float16 moves boxes a little; as MLPerf asks of quality


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules of one run: budget in points, how the plan ends in int8, if it does, where verdicts lie."""

    shop: Workshop
    budget: float
    quantize: Quantize | None
    folder: Path
    joint: bool = False  # networks go on whatever they lose: the files they become are judged

    def verdict(self, stage: str, base: Candidate | None, parent: Candidate, child: Candidate) -> Verdict:
        """The stored verdict, or a new one, stored before it is returned."""
        if known := self.stored(parent, child):
            return known
        verdict = self.settled(self.decide(stage, base or child, parent, child), child)
        write_json(self.place(parent, child), asdict(verdict))
        return verdict

    def stored(self, parent: Candidate, child: Candidate) -> Verdict | None:
        """What was measured before, under this run's budget: on the device itself where results came back from it."""
        place = self.place(parent, child)
        told = read_json(returned(place)) or read_json(place)
        return self.settled(Verdict(**told), child) if told else None

    def settled(self, verdict: Verdict, child: Candidate) -> Verdict:
        """The verdict by this run's rules."""
        return settle(verdict, self.budget, self.joint and child.form == "torch")

    def place(self, parent: Candidate, child: Candidate) -> Path:
        """Where a verdict lies: another machine, runtime or dressing is another verdict."""
        target, probed = self.shop.target, self.probed(child)
        terms = [target.measured, target.here, target.threads, probed, target.int8 and target.int8.model_dump()]
        if probed and self.quantize and (unusual := self.quantize.unusual(target)):
            terms.append(unusual)
        return self.folder / f"{parent.key}-{child.key}-{self.shop.machine}-{digest(terms)[:6]}.json"

    def decide(self, stage: str, base: Candidate, parent: Candidate, child: Candidate) -> Verdict:
        """A first network is kept; a graph if it finds the same; a retrained one if more; all else must pay."""
        names = Names(stage, parent.key, child.key, self.shop.machine)
        if parent.form == "none":
            quality, proxy = as_torch(self.shop, child, "val").quality, not self.shop.target.here
            runtime, ms = alone(self.shop, float_graph(self.shop, child))
            sentence = "kept: what all others are compared with"
            return Verdict(*names, True, sentence, runtime, proxy, quality.to_json(), ms=ms)
        if (parent.form == "torch" and child.form == "onnx") or stage == "cast_fp16":
            return self.alike(names, base, child)
        if child.form == "engine":
            return self.built(names, base, parent, child)
        if child.form == "torch" and blueprint.read(parent.folder) == blueprint.read(child.folder):
            return self.compare(names, base, parent, child)
        return self.weigh(names, base, parent, child)

    def alike(self, names: Names, base: Candidate, child: Candidate) -> Verdict:
        """Another form of the same network: detections on real photos must match one to one."""
        runtime = self.shop.target.measured[0]
        same = parity(self.shop, child, runtime)
        least = PARITY_FP16 if names.stage == "cast_fp16" else PARITY
        keep = same["detections"] > 0 and same["share"] >= least
        enough, things = self.shop.task.ENOUGH, self.shop.task.THINGS
        few = f"; fewer than {enough}: too few photos" if same["detections"] < enough else ""
        sentence = f"{said(keep)}: {same['share']:.2%} of {same['detections']} {things} match torch's"
        sentence += f" (at least {least:.1%} must){few}"
        looked, proxy = as_file(self.shop, child, runtime, "val"), not self.shop.target.here
        loss = lost(self.shop, "val", as_torch(self.shop, base, "val").found, looked.found)
        at, ms = alone(self.shop, self.clocked(child))
        return Verdict(*names, keep, sentence, at, proxy, looked.quality.to_json(), loss, parity=same, ms=ms)

    def built(self, names: Names, base: Candidate, parent: Candidate, child: Candidate) -> Verdict:
        """An engine must find what its graph finds, within the budget; nothing else runs there to race it with."""
        runtime = "tensorrt"
        same = parity(self.shop, child, runtime, open_file(parent.file, "onnxruntime", self.shop.target.threads))
        looked = as_file(self.shop, child, runtime, "val")
        loss = lost(self.shop, "val", as_torch(self.shop, base, "val").found, looked.found)
        keep = same["detections"] > 0 and same["share"] >= PARITY and not loss_over(loss, self.budget)
        matched = f"{same['share']:.2%} of {same['detections']} {self.shop.task.THINGS} match the graph's"
        sentence = f"{said(keep)}: {matched} (at least {PARITY:.1%} must), {told_loss(loss)} of {self.budget:g}"
        call = partial(open_file(child.file, runtime, 1), grey(parent.file))
        ms = timing.percentile(self.shop.time({runtime: call})[runtime], 50)
        proxy, quality = not self.shop.target.times(runtime), looked.quality.to_json()
        return Verdict(*names, keep, sentence, runtime, proxy, quality, loss, parity=same, ms=ms)

    def compare(self, names: Names, base: Candidate, parent: Candidate, child: Candidate) -> Verdict:
        """The same network trained further takes the same time: it must find more than what it was given."""
        graphs = [self.graph(parent), self.graph(child)]
        runtime, ms = alone(self.shop, self.clocked(child))
        before, after = (self.look(*pair, runtime) for pair in zip((parent, child), graphs, strict=True))
        change = lost(self.shop, "val", before.found, after.found)
        keep, probed = change["points"] < 0, ", judged as int8" if self.probed(child) else ""
        sentence = f"{said(keep)}: the same network, {told_loss(change)} by training it further{probed}"
        if untouched(parent, child):
            sentence = f"{said(False)}: nothing in the network was replaced or trained"
        loss = lost(self.shop, "val", as_torch(self.shop, base, "val").found, after.found)
        proxy, quality = not self.shop.target.here, after.quality.to_json()
        return Verdict(*names, keep, sentence, runtime, proxy, quality, loss, probed=self.probed(child), ms=ms)

    def weigh(self, names: Names, base: Candidate, parent: Candidate, child: Candidate) -> Verdict:
        """Time and quality of the child, for `settle` to decide by; of a graph's other dressing for a device that is
        not here only the quality, as what int8 gains there no runtime of this machine can tell."""
        graphs = {"parent": self.graph(parent), "child": self.graph(child)}
        timed: tuple[str, timing.Ratio | None, float | None] = (self.shop.target.measured[0], None, None)
        if self.shop.target.here or child.form == "torch":
            timed = race(self.shop, {"parent": self.clocked(parent), "child": self.clocked(child)})
        runtime, ratio, ms = timed
        looked = self.look(child, graphs["child"], runtime)
        loss = lost(self.shop, "val", as_torch(self.shop, base, "val").found, looked.found)
        same = parity(self.shop, child, runtime) if child.form == "onnx" else None
        lighter = graphs["child"].stat().st_size / graphs["parent"].stat().st_size
        return Verdict(
            *names, False, "", runtime, not self.shop.target.here, looked.quality.to_json(), loss,
            ratio._asdict() if ratio else None, lighter, self.probed(child), same, ms=ms,
        )  # fmt: skip

    def probed(self, candidate: Candidate) -> bool:
        """Whether a torch candidate is judged as the int8 graph that it will become."""
        return self.quantize is not None and candidate.form == "torch"

    def clocked(self, candidate: Candidate) -> Path:
        """The graph that is timed for a candidate: by proxy always a float one."""
        return self.graph(candidate) if self.shop.target.here else stand_in(self.shop, candidate)

    def graph(self, candidate: Candidate) -> Path:
        """The graph that stands for a candidate where it is looked at."""
        if self.quantize and self.probed(candidate):
            return int8_graph(self.shop, candidate, self.quantize)
        return float_graph(self.shop, candidate)

    def look(self, child: Candidate, graph: Path, runtime: str) -> Examined:
        """Quality on val of the graph that was raced."""
        how = f"{graph.stem}-{runtime}" if child.form == "torch" else runtime
        return examine(self.shop, child, how, "val", lambda: open_file(graph, runtime, self.shop.target.threads))


def race(shop: Workshop, graphs: Mapping[str, Path]) -> tuple[str, timing.Ratio, float]:
    """(the child's fastest runtime, time of child / parent, the child's ms), each in its fastest runtime."""
    series = raced(shop, graphs)
    child, parent = (quickest(series, name) for name in ("child", "parent"))
    return child.name.split()[1], timing.ratio(child, parent), timing.percentile(child, 50)


def alone(shop: Workshop, graph: Path) -> tuple[str, float]:
    """(a graph's fastest runtime, its ms there)."""
    found = quickest(raced(shop, {"child": graph}), "child")
    return found.name.split()[1], timing.percentile(found, 50)


def raced(
    shop: Workshop, graphs: Mapping[str, Path], runtimes: Sequence[str] | None = None
) -> Mapping[str, timing.Series]:
    """Each graph in each runtime on a grey image, in alternating rounds; `<name> <runtime>` → its times."""
    calls = {
        (name, runtime): partial(open_file(path, runtime, shop.target.threads), grey(path))
        for name, path in graphs.items()
        for runtime in runtimes or shop.target.measured
    }
    return shop.time({f"{name} {runtime}": call for (name, runtime), call in calls.items()})


def quickest(series: Mapping[str, timing.Series], name: str) -> timing.Series:
    """The series of `name` in the runtime where its median is smallest."""
    mine = [found for key, found in series.items() if key.rpartition(" ")[0] == name]
    return min(mine, key=lambda found: timing.percentile(found, 50))


def parity(shop: Workshop, child: Candidate, runtime: str, other: Forward | None = None) -> dict[str, float]:
    """How much of what a file finds matches its network's, or that of `other`, on val, then train, photos."""
    here = other or open_network(shop, shop.store.origin(child))
    there = open_file(telling(child.file), runtime, shop.target.threads)
    pairs, count = [], 0
    for record in (*shop.data.splits["val"], *shop.data.splits["train"]):
        pairs.append((look(shop, child, here, record), look(shop, child, there, record)))
        count += shop.task.compared(pairs[-1][0], PARITY_SCORE)
        if count >= shop.task.ENOUGH:
            break
    same = shop.task.match(*zip(*pairs, strict=True), score=PARITY_SCORE)
    return {"share": same.share, "detections": same.total, "worst_score_delta": same.worst_score_delta}


def as_torch(shop: Workshop, candidate: Candidate, split: str) -> Examined:
    """Quality of a torch candidate, run by torch."""
    return examine(shop, candidate, "torch", split, lambda: open_network(shop, candidate))


def as_file(shop: Workshop, candidate: Candidate, runtime: str, split: str) -> Examined:
    """Quality of a graph in a runtime."""
    file = telling(candidate.file)
    return examine(shop, candidate, runtime, split, lambda: open_file(file, runtime, shop.target.threads))
