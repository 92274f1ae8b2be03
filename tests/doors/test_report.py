"""The report: what it says, that it needs nothing beside it, that it can be written again."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.results import Results, Row
from mfast_edge.pages.html import html
from mfast_edge.pages.markdown import markdown
from mfast_edge.pages.view import Told, View, view
from mfast_edge.pages.waterfall import WIDTH, measures, waterfall
from mfast_edge.tasks import detect
from tests.doors.doors import folder, refused, without_torch

BOARD = "Jetson Nano (JetPack 4.6)"
HERE = {"cpu": "Some <CPU>", "cores": 2, "threads": 1, "memory_gb": 8.0, "instructions": ["avx2"], "gpus": []}
QUALITY = {"map50": 0.9, "map": 0.6, "map75": 0.5, "f1": 0.8, "confidence": 0.4, "per_class": {"a": 0.9}}
QUALITY |= {"images": 7, "boxes": 9}
SUMMARY = {"p50": 4.0, "p90": 4.5, "p99": 5.0, "spread": 0.02}


def stage(name: str, ms: float, map50: float, keep: bool = True) -> dict[str, object]:
    figures = {"map50": map50, "map": 0.5, "f1": 0.7, "mb": ms, "forward_ms": {"onnxruntime": ms}, "seconds": None}
    figures["parity"] = {"share": 0.996, "detections": 1200} if name == "export_onnx" else None
    times = {"p50_ms": ms, "e2e_ms": ms + 1, "runtime": "onnxruntime"}
    return {"stage": name, "keep": keep, "verdict": f"sentence of {name}", **figures, **times}


def told(proxy: bool = False) -> Told:
    final = {
        "model": "m", "data": "d", "file": "store/k/model.onnx", "mb": 2.5, "score": 0.5, "proxy": proxy, "here": HERE,
        "metrics": {"test": QUALITY}, "float": {"test": QUALITY, "ms": {"onnxruntime": 8.0}}, "plan": "quick",
        "ms": {"onnxruntime": 2.0}, "loss": {"points": 0.25, "low": -0.5, "high": 1.0}, "budget": 1.0,
        "rows": [stage("train", 8.0, 0.9), stage("prune", 9.0, 0.5, keep=False), stage("export_onnx", 2.0, 0.9)],
        "gates": [{"name": "weight", "limit": 100, "value": 2.5, "unit": "MB", "passed": True}],
        "command": "c", "date": "2026-01-01", "left_out": ["no int8 there"],
    }  # fmt: skip
    splits = {part: [3, 4] for part in ("test", "train", "val")}
    page = {"target": BOARD, "data": {"splits": splits, "classes": ["a"]}, "versions": {"torch": "2"}, "photos": []}
    page["drawn"] = {"before": 0.4, "after": 0.5}
    rows = (Row(name="m train", file="f", runtime="onnxruntime", versions={}, threads=1, forward=SUMMARY, proxy=proxy),)
    finding = {"path": "p.jpg", "what": "zero-area box | odd", "done": "left out"}
    return Told(final, page, [finding] * 60, [Results(HERE, "2026-01-01", "c", rows)])


def test_the_headline_tells_file_speed_up_loss_and_score() -> None:
    lines = dict(view(told()).headline)
    assert lines["Forward"] == (
        "2.00 ms in onnxruntime, 4.0x as fast as the float network (8.00 ms) in the same rounds, 1 thread"
    )
    assert lines["Lost on test"] == "0.25 points of mAP@.5 [-0.50, 1.00]: 90.0 against 90.0 in float"
    assert "2.50 MB" in lines["Final file"]


def test_by_proxy_every_speed_says_so_and_none_stands_under_the_device_s_name(tmp_path: Path) -> None:
    seen = view(told(proxy=True))
    assert "to be judged on the board" in seen.proxy
    columns = [cell for table in seen.tables for cell in table.head] + [one.title for one in seen.columns]
    assert all("proxy" in cell for cell in columns if re.search(r"\bms\b", cell))
    assert not any("proxy" in cell for table in view(told()).tables for cell in table.head)
    assert all(BOARD not in table.title for table in seen.tables)
    assert all("proxy" in label for label, text in seen.headline if " ms" in text)
    assert seen.proxy in markdown(seen)


def test_the_share_of_detections_that_match_torch_s_stands_beside_each_graph() -> None:
    table = view(told()).tables[0]
    column = table.head.index("As torch's (IoU .99, score .01)")
    assert [row[column] for row in table.rows] == ["–", "–", "99.6% of 1200"]


def test_each_layer_offered_for_decomposition_has_its_reason() -> None:
    seen = told()
    layer = {"path": "a.conv", "offer": "tucker2 16/32", "ratio": 0.547, "error": 0.081, "taken": True, "why": "taken"}
    bare = {"path": "b", "offer": "", "ratio": None, "error": None, "taken": False, "why": "left: no rank"}
    table = view(replace(seen, page={**seen.page, "layers": [layer, bare]})).tables[2]
    assert table.rows == [["a.conv", "tucker2 16/32", "0.55x", "0.08", "taken"], ["b", "–", "–", "–", "left: no rank"]]
    assert "layer by layer" not in markdown(view(seen))


def test_what_the_stages_changed_stands_in_tables_of_its_own() -> None:
    seen = told()
    change = {"stage": "refit", "what": "input, px", "before": "300", "after": "224"}
    taught = {"stage": "prune", "what": "learnt from", "before": "", "after": "float"}
    width = {"stage": "prune", "layer": "a.conv", "before": 64, "after": 48}
    page = {**seen.page, "changes": [change, taught], "widths": [width]}
    stages, widths = view(replace(seen, page=page)).tables[2:4]
    assert stages.rows == [["refit", "input, px", "300", "224"], ["prune", "learnt from", "–", "float"]]
    assert widths.rows == [["a.conv", "prune", "64", "48"]]
    assert "What the stages changed" not in markdown(view(seen))


def test_a_run_s_report_tells_pruned_widths_and_multiply_adds(finished: Path) -> None:
    page, final = (json.loads((folder(finished) / f"{name}.json").read_text()) for name in ("page", "final"))
    (row,) = [one for one in page["changes"] if one["stage"] == "prune"]
    assert float(row["after"].split()[0]) < 0.45 * float(row["before"]), "the tiny plan keeps .4 of them"
    key = next(one["key"] for one in final["rows"] if one["stage"] == "prune")
    layers = json.loads((finished / "store" / key / "blueprint.json").read_text())["layers"]
    assert page["widths"]
    for one in page["widths"]:
        assert one["after"] == layers[one["layer"]]["out_channels"] < one["before"]
    for name in ("report.md", "report.html"):
        text = (folder(finished) / name).read_text()
        assert row["after"] in text
        assert page["widths"][0]["layer"] in text


def test_findings_beyond_fifty_are_counted() -> None:
    findings = view(told()).findings
    assert (len(findings), findings[-1]) == (51, "… and 10 more, all in data.json")


def test_names_with_html_or_bars_in_them_do_no_harm(tmp_path: Path) -> None:
    seen: View = view(told())
    assert "Some <CPU>" not in html(seen, tmp_path)
    assert "Some &lt;CPU&gt;" in html(seen, tmp_path)
    table = [line for line in markdown(seen).splitlines() if line.startswith("| train")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) > 3 for line in table)


def test_a_bar_steps_from_the_last_stage_that_was_kept() -> None:
    rows = [stage("train", 8.0, 0.8), stage("prune", 4.0, 0.9, keep=False), stage("export_onnx", 2.0, 0.6)]
    (_, prune, export) = waterfall(rows, measures("ms", detect.COLUMNS[0]))
    assert [bar.kind for bar in prune] == ["good", "good", "good"]
    assert [bar.kind for bar in export] == ["good", "bad", "good"]  # against train, not prune
    assert export[0].solid == pytest.approx(WIDTH * 2 / 8)
    assert export[0].solid + export[0].step == pytest.approx(WIDTH)


def test_a_network_that_finds_nothing_can_be_drawn() -> None:
    bars = waterfall([stage("train", 1.0, 0.0)], measures("ms", detect.COLUMNS[0]))
    assert (bars[0][1].solid, bars[0][1].kind) == (0.0, "same")


def test_a_run_s_page_needs_nothing_beside_it(finished: Path) -> None:
    page = (folder(finished) / "report.html").read_text()
    final = json.loads((folder(finished) / "final.json").read_text())
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script""", page)
    assert page.count("data:image/jpeg;base64,") == 12
    for row in final["rows"]:
        assert row["verdict"].split(";")[0].replace("'", "&#39;") in page
    assert page.count('<tr class="back">') == 2 * len(final["rolled_back"])


def test_the_report_is_written_again_from_what_is_stored_without_torch(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(folder(finished), tmp_path / "run")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("report.md", "report.html")}
    for name in before:
        (tmp_path / "run" / name).unlink()
    without_torch("report", tmp_path / "run")
    assert before == {name: (tmp_path / "run" / name).read_bytes() for name in before}


def test_the_page_knows_how_the_data_are_read_again(finished: Path) -> None:
    assert json.loads((folder(finished) / "page.json").read_text())["data"]["spec"] == "particles:60x96"


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    assert "no finished run" in refused("report", tmp_path)


def figures(confidence: float) -> dict[str, object]:
    row = {"truths": 9, "right": 7, "localisation": 1, "confusion": 2, "both": 0, "duplicate": 3, "background": 4}
    row |= {"missed": 5, "mistaken": {"b": 2}}  # type: ignore[dict-item]
    scores = [n / 100 for n in range(101)]
    curve = {"confidence": scores, "macro": [1 - s for s in scores], "per_class": {"a": [0.5] * 101}}
    return {"errors": {"confidence": confidence, "per_class": {"a": row}}, "f1": curve}


def test_mistakes_and_the_f1_curve_stand_in_both_pages(tmp_path: Path) -> None:
    seen = told()
    page = view(replace(seen, page={**seen.page, "figures": figures(0.25)}))
    (table,) = [one for one in page.tables if one.title.startswith("Mistakes on test at score 0.25")]
    assert table.rows == [["a", "9", "7", "1", "2", "0", "3", "4", "5", "2 b"]]
    assert page.curve
    assert page.curve.sure == 160
    macro = page.curve.lines[-1].points.split()
    assert (macro[0], macro[50], macro[100]) == ("0.0,0.0", "320.0,120.0", "640.0,240.0")
    assert page.curve.rows[5] == ["0.5", "0.500", "0.500"]
    assert "| 0.5 | 0.500 | 0.500 |" in markdown(page)
    assert html(page, tmp_path).count("<polyline") == 2
    assert "<polyline" not in html(view(seen), tmp_path), "a run from before has none"


def test_folds_stand_in_the_report_where_photos_were_dealt() -> None:
    seen = told()
    deal = {"what": "all photos by class", "roles": ["train", "test", "val"], "photos": [4, 2, 2]}
    data = {**seen.page["data"], "folds": [{**deal, "strata": {"class a": [3, 1, 1]}}]}
    table = view(replace(seen, page={**seen.page, "data": data})).tables[-1]
    assert table.title == "Folds: all photos by class"
    assert table.rows == [["photos", "4", "2", "2", "8"], ["class a", "3", "1", "1", "5"]]


def test_a_run_tells_its_mistakes_and_its_curve(finished: Path) -> None:
    page, final = (json.loads((folder(finished) / f"{name}.json").read_text()) for name in ("page", "final"))
    rows = page["figures"]["errors"]["per_class"]
    assert sum(row["truths"] for row in rows.values()) == final["metrics"]["test"]["boxes"]
    assert len(page["figures"]["f1"]["macro"]) == 101
    assert "<polyline" in (folder(finished) / "report.html").read_text()
