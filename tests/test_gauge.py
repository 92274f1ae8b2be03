"""Measured tables: reused, resumed, comparable between days, refused where they are of something else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mfast_edge import gauge
from mfast_edge.errors import UserError
from mfast_edge.gauge import BATCH, COPIES, Measured, Shelf, cost, extend, shelf, table
from mfast_edge.latency import Layer, Stairs, neighbours
from mfast_edge.models.ssd.tiny import MODEL
from mfast_edge.store import Store
from mfast_edge.target import Int8, find
from mfast_edge.workshop import Workshop

CONV = Layer("conv", 100, 200, 12)
STAIRS = Stairs(16, 16)
MANY = [CONV, Layer("depthwise", 100, 100, 25, (3, 3)), Layer("image", 3, 3, 200)]


class Clock:
    """An invented machine: a layer takes its multiply-adds, on a day that is so many times slower."""

    def __init__(self, slower: float = 1.0, dies: int = 99) -> None:
        self.slower, self.dies, self.seen = slower, dies, list[Layer]()

    def __call__(self, layers: Sequence[Layer], place: Shelf) -> Measured:
        if self.dies == 0:
            raise KeyboardInterrupt
        self.dies -= 1
        self.seen += layers
        return Measured(tuple(self.slower * one.inside * one.outside for one in layers), 3.0 * self.slower)


def place(folder: Path) -> Shelf:
    return Shelf(folder / "machine", "onnxruntime", "1.2.3", 1, None, STAIRS)


def quiet(line: str) -> None:
    assert line


def test_nothing_is_measured_twice(tmp_path: Path) -> None:
    first, second = Clock(), Clock()
    made = table(place(tmp_path), MANY, measure=first, tell=quiet)
    again = table(place(tmp_path), MANY, measure=second, tell=quiet)
    assert set(first.seen) == neighbours(MANY, STAIRS)
    assert len(first.seen) == 2 * len(set(first.seen))  # two passes, which agree
    assert second.seen == []
    assert again == made


def test_a_new_layer_is_measured_and_nothing_beside_it(tmp_path: Path) -> None:
    made = table(place(tmp_path), MANY, measure=Clock(), tell=quiet)
    more = Clock()
    grown = table(place(tmp_path), [CONV, replace(CONV, kernel=(3, 1))], measure=more, tell=quiet)
    assert {one.kernel for one in more.seen} == {(3, 1)}
    assert grown.digest == made.digest
    assert set(made.entries) < set(grown.entries)


def test_a_killed_measurement_goes_on_where_it_stopped(tmp_path: Path) -> None:
    dying, rest = Clock(dies=2), Clock()
    with pytest.raises(KeyboardInterrupt):
        table(place(tmp_path), MANY, measure=dying, tell=quiet)
    table(place(tmp_path), MANY, measure=rest, tell=quiet)
    assert len(set(dying.seen)) == BATCH
    assert set(dying.seen) | set(rest.seen) == neighbours(MANY, STAIRS)
    assert not set(dying.seen) & set(rest.seen)


def test_what_another_process_measured_meanwhile_is_not_measured_again(tmp_path: Path) -> None:
    late = Clock()
    table(place(tmp_path), [CONV], measure=Clock(), tell=quiet)
    extend(place(tmp_path), sorted(neighbours(MANY, STAIRS), key=str), late, quiet)
    assert set(late.seen) == neighbours(MANY, STAIRS) - neighbours([CONV], STAIRS)


def test_a_slow_day_gives_the_same_table(tmp_path: Path) -> None:
    whole = table(place(tmp_path / "a"), MANY, measure=Clock(), tell=quiet)
    table(place(tmp_path / "b"), [CONV], measure=Clock(), tell=quiet)
    parts = table(place(tmp_path / "b"), MANY, measure=Clock(slower=2), tell=quiet)
    assert parts.entries == pytest.approx(whole.entries)
    assert parts.reference == whole.reference


@pytest.mark.parametrize("spoilt", [(0,), (1,), (0, 2), (0, 1, 3)])
def test_a_pass_that_another_program_spoilt_does_not_count(spoilt: tuple[int, ...], tmp_path: Path) -> None:
    """One layer of the batch takes some times as long in some passes, and never as long twice."""
    calm, passes = Clock(), []

    def busy(layers: Sequence[Layer], place: Shelf) -> Measured:
        found = calm(layers, place)
        passes.append(len(layers))
        extra = [len(passes) if one == CONV and len(passes) - 1 in spoilt else 0 for one in layers]
        return Measured(tuple(ms * (1 + more) for ms, more in zip(found.layers, extra, strict=True)), found.reference)

    other = replace(CONV, side=3)
    found = gauge.settled([CONV, other], place(tmp_path), busy)
    assert found.layers == pytest.approx((CONV.inside * CONV.outside,) * 2)
    assert passes == [2, 2] + [1] * (len(spoilt))


def test_where_passes_never_agree_the_nearest_two_count(tmp_path: Path) -> None:
    times = iter((1.0, 2.0, 4.0, 5.0, 8.0, 16.0))
    found = gauge.settled([CONV], place(tmp_path), lambda layers, place: Measured((next(times),), 1.0))
    assert found.layers == (1.5,)
    assert next(times, None) is None


def test_each_runtime_version_and_dressing_has_its_own_file() -> None:
    one = place(Path("m"))
    others = [replace(one, version="1.2.4"), replace(one, runtime="openvino"), replace(one, threads=2)]
    dressed = [Int8(activations="uint8", symmetric=False), Int8(activations="int8", symmetric=True)]
    others += [replace(one, int8=int8) for int8 in dressed]
    others.append(replace(one, stairs=Stairs(4, 16)))
    assert len({shelf.file for shelf in [one, *others]}) == 7


def test_a_table_of_another_runtime_version_is_refused(tmp_path: Path) -> None:
    old, new = place(tmp_path), replace(place(tmp_path), version="1.3.0")
    table(old, [CONV], measure=Clock(), tell=quiet)
    old.file.rename(new.file)
    with pytest.raises(UserError, match=r"version '1\.2\.3'; '1\.3\.0' would be right"):
        table(new, [CONV], measure=Clock(), tell=quiet)


def test_the_target_says_which_table_it_is() -> None:
    found = shelf(Path("m"), find("x86"), "onnxruntime", "int8")
    assert found.int8 == find("x86").int8
    assert found.header["dressing"]["activations"] == "uint8"
    assert found.stairs == Stairs(4, 16)
    plain = shelf(Path("m"), find("x86"), "onnxruntime", "float32")
    assert plain.int8 is None
    assert plain.stairs == Stairs(16, 16)
    with pytest.raises(UserError, match="float16"):
        shelf(Path("m"), find("x86"), "onnxruntime", "float16")


def test_a_variant_of_a_runtime_has_a_table_of_its_own_in_its_package_s_version() -> None:
    plain, variant = (shelf(Path("m"), find("x86"), runtime, "float32") for runtime in ("openvino", "openvino-bf16"))
    assert variant.version == plain.version
    assert variant.file != plain.file
    assert variant.header["runtime"] == "openvino-bf16"


def test_a_workshop_keeps_its_machine_s_tables_in_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauge, "gauge", Clock())
    store, build = Store(tmp_path), MODEL.build(classes=("a",))
    shop = Workshop(MODEL, build, None, find("x86"), store, 0, None, None, quiet)  # type: ignore[arg-type]
    found = shop.table("onnxruntime", "int8", [CONV], thin=True)
    assert found.predict([CONV, CONV.wide(40, 60)]) > 0
    (file,) = (tmp_path / "machines" / shop.machine).glob("*.json")
    assert json.loads(file.read_text())["machine"] == shop.machine


def test_a_layer_costs_what_its_copies_add_and_an_image_what_is_left() -> None:
    overhead, mine = 5.0, 0.25
    few, many = ([overhead + copies * mine] * 3 for copies in COPIES)
    assert cost(CONV, few, many) == pytest.approx(mine)
    assert cost(Layer("image", 3, 3, 200), few, many) == pytest.approx(overhead)
    assert cost(CONV, many, few) == 0


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_clock_measures_real_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, precision: str
) -> None:
    monkeypatch.setattr(gauge, "ROUNDS", 3)
    target = find("x86")
    here = shelf(tmp_path / "machine", target, runtime, precision)  # type: ignore[arg-type]
    wanted = [Layer("conv", 64, 64, 5), Layer("image", 3, 3, 75), Layer("linear", 64, 16, 1)]
    found = table(here, wanted, tell=quiet)
    assert found.reference > 0
    assert found.ms(wanted[1]) > 0
    assert found.predict(wanted) >= found.ms(wanted[1])
    assert json.loads(here.file.read_text())["version"] == here.version
