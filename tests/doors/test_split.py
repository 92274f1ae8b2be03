"""The fold table, before anything is trained; and that a run's splits are found again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.data.draw import voc, xml
from tests.doors.doors import door, refused, without_torch


def zoo(root: Path) -> Path:
    """Twenty photos of cats, five of them of dogs instead."""
    voc(root, 20)
    for number in range(0, 20, 4):
        xml(root / "Annotations" / f"p{number}.xml", (40, 30), [("dog", (1, 2, 20, 25), 0)])
    return root


def test_the_fold_table_is_printed_without_torch(tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    words = (f"voc:{zoo(tmp_path / 'zoo')}", "--by", "class", "--out", tmp_path)
    text = without_torch("split", *words, "--names", names)
    assert "zoo: 12 train, 4 val, 4 test" in text
    assert "1 train  2 train  3 train  4 test  5 val  all" in text
    assert [line.split()[2:] for line in text.splitlines() if line.startswith("class dog")] == [
        ["1", "1", "1", "1", "1", "5"]
    ]
    assert """--set 'split.by=["class"]'""" in text
    photos = {part: len(rows) for part, rows in json.loads(names.read_text()).items()}
    assert photos == {"train": 12, "val": 4, "test": 4}


def test_compress_deals_photos_as_the_table_says(tmp_path: Path) -> None:
    data = f"voc:{zoo(tmp_path / 'zoo')}"
    words = ("--model", "tiny", "--plan", "tiny", "--data", data, "--out", tmp_path, "--dry-run")
    dry = door("compress", *words, "--set", 'split.by=["class"]', "--set", "split.mini=1")
    assert dry.returncode == 0, dry.stderr
    assert "1 train  2 left out  3 left out  4 test  5 val  all" in dry.stdout
    assert "no setting 'fold_count'" in refused("compress", *words, "--set", "split.fold_count=3")


def test_data_that_bring_their_splits_are_not_dealt_again(tmp_path: Path) -> None:
    root = voc(tmp_path / "d", 6, train=["p0", "p1"], val=["p2", "p3"], test=["p4", "p5"])
    words = ("--model", "tiny", "--plan", "tiny", "--data", f"voc:{root}", "--out", tmp_path, "--dry-run")
    assert "brings train, val and test" in refused("compress", *words, "--set", "split.by=[class]")
    assert "nothing was dealt" in without_torch("split", f"voc:{root}", "--by", "class", "--out", tmp_path)
    assert "'colour' given" in refused("split", f"voc:{root}", "--by", "colour", "--out", tmp_path)
    assert "split.folds=5" in refused("split", f"voc:{root}", "--set", "train.lr=1", "--out", tmp_path)


def test_classes_are_those_of_the_map_that_compress_takes(tmp_path: Path) -> None:
    words = (f"voc:{zoo(tmp_path / 'zoo')}", "--by", "class", "--classes", "animal=cat+dog", "--out", tmp_path)
    text = without_torch("split", *words)
    assert [line.split()[1] for line in text.splitlines() if line.startswith("class ")] == ["animal"]
    assert "--classes animal=cat+dog" in text
