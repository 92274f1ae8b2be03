"""Stratified folds: who lies in which stratum, how evenly they are dealt, what is kept together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mfast_edge.data import split
from mfast_edge.data.dealing import Split
from mfast_edge.data.folds import Folds
from mfast_edge.data.index import again, read
from mfast_edge.data.sample import Record, Truth
from mfast_edge.data.strata import strata
from mfast_edge.data.stratify import stratify
from mfast_edge.errors import UserError
from mfast_edge.settings import check
from tests.data.draw import voc, xml

Box = tuple[float, float, float, float]
CLASSES = ("cow", "pig")
WIDE, HIGH, EVEN = (0, 0, 60, 40), (0, 0, 40, 60), (0, 0, 50, 50)


def record(number: int, *things: tuple[int, Box], ignored: int = 0, sha: str = "") -> Record:
    """A photo of (class, box) pairs, the last `ignored` of them ignored."""
    boxes = np.array([box for _, box in things], np.float32).reshape(-1, 4)
    ignore = np.arange(len(things)) >= len(things) - ignored
    truth = Truth(boxes, np.array([label for label, _ in things], np.int64), ignore)
    return Record(f"{number:04d}.jpg", Path(f"{number}.jpg"), sha or f"hash{number}", 100, 100, 1, truth)


def herd(count: int, seed: int = 0) -> list[Record]:
    """Photos of 1 to 9 boxes of either class, one in ten of both, one in twenty without any."""
    rng = np.random.default_rng(seed)
    photos = []
    for number in range(count):
        label, boxes = int(rng.random() < 0.25), 0 if rng.random() < 0.05 else int(rng.integers(1, 10))
        things = [(label, (WIDE, HIGH, EVEN)[rng.integers(3)]) for _ in range(boxes)]
        photos.append(record(number, *things, *([(1 - label, EVEN)] if rng.random() < 0.1 else [])))
    return photos


def shown(photos: list[Record], **how: object) -> dict[str, list[int]]:
    """Stratum → the photos in it."""
    found = strata(photos, CLASSES, Split(**how))  # type: ignore[arg-type]
    return {name: np.flatnonzero(marks).tolist() for name, marks in found.items()}


def test_a_photo_lies_in_the_stratum_of_each_of_its_classes() -> None:
    photos = [record(0, (0, EVEN)), record(1, (1, EVEN), (0, EVEN)), record(2), record(3, (1, EVEN), ignored=1)]
    assert shown(photos, by=("class",)) == {"class cow": [0, 1], "class pig": [1], "no box": [2, 3]}


def test_counts_have_the_bins_that_were_published_for_livestock() -> None:
    """Pigs: fewer than 8, 8 to 12, 13 and more; cows: fewer than 4, 4 to 5, 6 and more."""
    pigs = [record(n, *[(1, EVEN)] * count) for n, count in enumerate((7, 8, 12, 13))]
    cows = [record(9 + n, *[(0, EVEN)] * count) for n, count in enumerate((3, 4, 5, 6))]
    found = shown(pigs + cows, by=("count",), counts={"pig": (8, 13), "cow": (4, 6)})
    assert found == {
        "pig < 8": [0], "pig 8 to < 13": [1, 2], "pig >= 13": [3],
        "cow < 4": [4], "cow 4 to < 6": [5, 6], "cow >= 6": [7],
    }  # fmt: skip


def test_without_edges_counts_are_cut_into_thirds_of_the_photos() -> None:
    photos = [record(n, *[(0, EVEN)] * (n + 1)) for n in range(9)]
    assert [len(rows) for rows in shown(photos, by=("count",)).values()] == [3, 3, 3]


def test_a_box_is_horizontal_from_six_tenths_on() -> None:
    photos = [
        record(0, (0, WIDE)),
        record(1, (0, HIGH)),
        record(2, (0, (0, 0, 59, 41))),
        record(3, (0, WIDE), (0, HIGH)),
    ]
    assert shown(photos, by=("ratio",)) == {"ratio horizontal": [0, 3], "ratio vertical": [1, 3], "ratio square": [2]}
    narrower = shown(photos, by=("ratio",), ratio=0.59)
    assert narrower["ratio horizontal"] == [0, 2, 3]


def test_sizes_are_areas_in_pixels_with_an_edge_in_the_upper_bin() -> None:
    photos = [record(0, (0, (0, 0, 9, 10))), record(1, (0, (0, 0, 10, 10))), record(2, (0, (5, 5, 55, 25)))]
    assert shown(photos, by=("size",), sizes=(100, 1000)) == {
        "area < 100": [0],
        "area 100 to < 1000": [1],
        "area >= 1000": [2],
    }


def test_every_stratum_is_dealt_evenly_and_better_than_by_chance() -> None:
    photos = herd(400)
    folds = Folds(Split(by=("class", "count", "ratio")), CLASSES, seed=1)
    folds.pool(photos)
    (deal,) = folds.deals
    known = strata(photos, CLASSES, folds.how)
    assert {name: sum(counts) for name, counts in deal.strata.items()} == {n: m.sum() for n, m in known.items()}
    assert sum(deal.photos) == 400
    chance = np.random.default_rng(0).integers(5, size=400)
    uneven = sum(np.ptp(counts) for counts in [deal.photos, *deal.strata.values()])
    blind = sum(np.ptp(np.bincount(chance[marks], minlength=5)) for marks in [chance >= 0, *known.values()])
    assert uneven < 40 < 110 < blind, (uneven, blind)


def test_the_rarest_stratum_is_dealt_first() -> None:
    """Three of a kind among 300 land in three folds of three, whatever the other strata want."""
    marks = np.zeros((300, 2), int)
    marks[:, 0], marks[[0, 1, 2], 1] = 1, 1
    assert sorted(stratify(marks, np.ones(300, int), (1, 1, 1), seed=0)[:3]) == [0, 1, 2]


def test_shares_may_differ_and_photos_without_a_stratum_fill_the_rest() -> None:
    folds = stratify(np.zeros((100, 0), int), np.ones(100, int), (0.7, 0.2, 0.1), seed=3)
    assert np.bincount(folds).tolist() == [70, 20, 10]


def test_equal_contents_stay_in_one_fold() -> None:
    twins = [record(1000 + n, (0, EVEN), sha="same") for n in range(30)]
    folds = Folds(Split(by=("class",)), CLASSES, seed=0)
    parts = folds.pool(herd(100) + twins)
    assert sorted(sum(one.sha256 == "same" for one in part) for part in parts) == [0, 0, 30]


def test_the_deal_depends_on_contents_and_seed_not_on_names_or_order() -> None:
    photos = herd(60)
    named = [replace(one, name=f"{n:03d}-other.jpg") for n, one in enumerate(reversed(photos))]

    def dealt(rows: list[Record], seed: int) -> list[set[str]]:
        return [{one.sha256 for one in part} for part in Folds(Split(), CLASSES, seed).pool(rows)]

    assert dealt(photos, 1) == dealt(named, 1) != dealt(photos, 2)


def test_one_fold_is_val_and_the_one_before_it_test() -> None:
    photos = herd(100)
    every = []
    for fold in (1, 2, 3, 4, 5):
        train, val, test = Folds(Split(fold=fold), CLASSES, 0).pool(photos)
        assert len(train) + len(val) + len(test) == 100
        every.append(({one.name for one in val}, {one.name for one in test}))
    assert set.union(*(val for val, _ in every)) == {one.name for one in photos}, "each photo is val once"
    assert all(every[n][1] == every[n - 1][0] for n in range(5)), "test is what is val in the fold before"


def test_a_mini_set_is_some_folds_of_train_or_a_share_of_it() -> None:
    """Two of five folds is what was published; val and test stay as they are."""
    whole, two = Folds(Split(), CLASSES, 0), Folds(Split(mini=2), CLASSES, 0)
    photos = herd(200)
    parts, small = whole.pool(photos), two.pool(photos)
    assert small[1:] == parts[1:]
    assert 70 <= len(small[0]) <= 90
    assert {one.name for one in small[0]} < {one.name for one in parts[0]}
    assert two.mini(small[0]) == small[0], "what was dealt is not made smaller again"
    assert two.deals[0].roles == ("train", "train", "left out", "test", "val")
    half = Folds(Split(mini=0.5), CLASSES, 0)
    assert 55 <= len(half.mini(half.pool(photos)[0])) <= 65
    given = Folds(Split(mini=2), CLASSES, 0).mini(tuple(photos[:100]))
    assert 36 <= len(given) <= 44, "two of five folds of a train that was given"


def test_only_what_is_missing_is_dealt() -> None:
    folds = Folds(Split(), CLASSES, 0)
    parts = split.assign({"train": herd(50), "test": [record(900, (0, EVEN))]}, 0, folds)
    assert [one.name for one in parts["test"]] == ["0900.jpg"]
    assert len(parts["val"]) == pytest.approx(10, abs=2)
    folds = Folds(Split(), CLASSES, 0)
    parts = split.assign({"train": herd(3), "val": herd(40, seed=1)}, 0, folds)
    assert (len(parts["train"]), [deal.roles for deal in folds.deals]) == (3, [("val", "test")])


def test_too_few_photos_and_unknown_classes_are_refused() -> None:
    with pytest.raises(UserError, match="cannot fill 5 folds"):
        Folds(Split(), CLASSES, 0).pool(herd(4))
    with pytest.raises(UserError, match="'horse' is not a class"):
        strata(herd(4), CLASSES, Split(counts={"horse": (3,)}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"by": ["class", "class"]}, "once would be right"),
        ({"by": ["colour"]}, "'colour' given"),
        ({"fold": 6}, "1 to folds"),
        ({"mini": 4}, "at most the 3 folds"),
        ({"by": ["class"], "counts": [3]}, "count among"),
        ({"by": ["class"], "ratio": 0.7}, "ratio among"),
        ({"counts": [5, 3]}, "edges that rise"),
        ({"counts": {"cow": [3, 3]}}, "edges that rise"),
    ],
)
def test_a_setting_that_does_nothing_or_cannot_be_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check(Split, given, "split")


def test_the_table_has_a_line_for_each_stratum_and_a_total() -> None:
    folds = Folds(Split(by=("class",), folds=3), CLASSES, 0)
    folds.pool([record(n, (n % 2, EVEN)) for n in range(12)])
    assert folds.deals[0].lines() == [
        "all photos by class  1 train  2 test  3 val  all",
        "photos                     4       4      4   12",
        "class cow                  2       2      2    6",
        "class pig                  2       2      2    6",
    ]


def test_a_split_enters_the_digest_and_is_found_again_from_the_page(tmp_path: Path) -> None:
    root = voc(tmp_path / "d", 20)
    for number in range(0, 20, 4):
        xml(root / "Annotations" / f"p{number}.xml", (40, 30), [("dog", (1, 2, 20, 25), 0)])
    plain = read(f"voc:{root}", cache=tmp_path)
    how = Split(by=("class",))
    dealt = read(f"voc:{root}", cache=tmp_path, how=how)
    assert dealt.digest != plain.digest
    assert plain.deals == ()
    dogs = [
        sum("dog" in {dealt.classes[k] for k in one.truth.classes} for one in part) for part in dealt.splits.values()
    ]
    assert dogs == [3, 1, 1]
    page = {"spec": dealt.spec, "seed": 0, "split": how.model_dump(mode="json")}
    assert again(page, cache=tmp_path).digest == dealt.digest
    assert again({**page, "split": None}, cache=tmp_path).digest == plain.digest
    whole = voc(tmp_path / "whole", 6, train=["p0", "p1"], val=["p2", "p3"], test=["p4", "p5"])
    assert read(f"voc:{whole}", cache=tmp_path, how=how).deals == (), "nothing to deal"
