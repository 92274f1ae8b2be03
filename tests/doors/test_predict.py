"""Drawing what a run's final file finds."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from export.macs import macs
from mfast_edge.looked import named, titles
from tests.data.test_video import greys
from tests.doors.doors import door, folder, refused, without_torch

RESULTS = ["detections.json", "pixels.csv", "normalised.csv", "coco.json", "submission.json"]


def photo(path: Path, side: int = 96) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_a_graph_is_run_without_torch_and_every_photo_drawn(finished: Path, tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    photo(shots / "a.png"), photo(shots / "b.jpg", 60)
    out = tmp_path / "out"
    told = without_torch("predict", folder(finished), shots, photo(tmp_path / "a.png"), "--out", out, "--score", 0)
    assert sorted(path.name for path in out.iterdir()) == sorted(["a-2.jpg", "a.jpg", "b.jpg", *RESULTS])
    lines = told.splitlines()
    assert len(lines) == 4
    assert all(line.endswith(" ms") for line in lines[:3])
    with Image.open(out / "b.jpg") as drawn:
        assert min(drawn.size) >= 320  # enlarged, so that labels can be read
    data = json.loads((out / "detections.json").read_text())
    assert [image["file_name"] for image in data["images"]] == ["a.jpg", "b.jpg", "a-2.jpg"]
    assert [one["name"] for one in data["categories"]] == ["disc", "block", "wedge"]


def test_a_higher_score_leaves_fewer_detections(finished: Path, tmp_path: Path) -> None:
    counts = []
    for score in (0, 1.01):
        out = tmp_path / f"{score}"
        door("predict", folder(finished), photo(tmp_path / "p.png"), "--out", out, "--score", score)
        counts.append(len(json.loads((out / "detections.json").read_text())["annotations"]))
    assert counts[0] >= counts[1] == 0


def test_a_torch_candidate_of_the_store_is_run_by_torch(finished: Path, tmp_path: Path) -> None:
    trained = json.loads((folder(finished) / "final.json").read_text())["rows"][0]["key"]
    done = door("predict", finished / "store" / trained, photo(tmp_path / "p.png"), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "p.jpg").is_file()


def test_what_cannot_be_drawn_is_refused(finished: Path, tmp_path: Path) -> None:
    run, shot = folder(finished), photo(tmp_path / "p.png")
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "none").mkdir()
    out = ("--out", tmp_path / "out")
    assert "no such folder" in refused("predict", tmp_path / "nowhere", shot, *out)
    assert "neither a run nor a stored candidate" in refused("predict", tmp_path, shot, *out)
    assert "is not there" in refused("predict", run, tmp_path / "gone.png", *out)
    assert "not an image" in refused("predict", run, tmp_path / "text.jpg", *out)
    assert "holds no photos" in refused("predict", run, tmp_path / "none", *out)
    assert "torch cannot run model.onnx" in refused("predict", run, shot, *out, "--runtime", "torch")
    assert "no such runtime" in refused("predict", run, shot, *out, "--runtime", "abacus")


def test_one_broken_photo_is_named_and_the_others_are_drawn(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a photo")
    shots = (tmp_path / "text.jpg", photo(tmp_path / "p.png"))
    assert "text.jpg: not an image" in refused("predict", folder(finished), *shots, "--out", tmp_path / "out")
    data = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [image["file_name"] for image in data["images"]] == ["p.jpg"]
    assert (tmp_path / "out" / "p.jpg").is_file()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_results_hold_everything_that_was_found_and_true_figures(finished: Path, tmp_path: Path) -> None:
    run, out = folder(finished), tmp_path / "out"
    shots = [photo(tmp_path / name, side) for name, side in (("p.png", 96), ("q.png", 120))]
    door("predict", run, *shots, "--out", out, "--score", 0.2)
    drawn = json.loads((out / "detections.json").read_text())["annotations"]
    every, coco = rows(out / "pixels.csv"), json.loads((out / "coco.json").read_text())
    assert len(rows(out / "normalised.csv")) == len(drawn) < len(every) == len(coco)
    assert {row["ImageID"] for row in every} == {"p.png", "q.png"}
    told = json.loads((out / "submission.json").read_text())
    final = json.loads((run / "final.json").read_text())
    float_graph = next(row["key"] for row in final["rows"] if row["stage"] == "export_onnx")
    assert told["macs"] == macs(finished / "store" / float_graph / "model.onnx") > 0
    best = max((row for row in every if row["ImageID"] == "p.png"), key=lambda row: float(row["Conf"]))
    assert told["inference"]["p.png"] == best["LabelName"]
    seconds, runtime = told["time"]["inference"], told["time"]["runtime"]
    assert list(seconds) == ["p.png", "q.png"]
    assert 0 < sum(seconds.values()) < runtime["all"]
    assert told["time"]["profile"]["cpu"] > 0


def test_a_coco_file_gives_the_ids(finished: Path, tmp_path: Path) -> None:
    images = [{"id": 77, "file_name": "photos/p.png"}]
    known = {"images": images, "categories": [{"id": 5, "name": "Wedge"}, {"id": 8, "name": "disc"}]}
    (tmp_path / "ids.json").write_text(json.dumps(known))
    shot, out = photo(tmp_path / "p.png"), ("--out", tmp_path / "out", "--ids", tmp_path / "ids.json")
    assert door("predict", folder(finished), shot, *out).returncode == 0
    labels = [row["LabelName"] for row in rows(tmp_path / "out" / "pixels.csv")]
    told = json.loads((tmp_path / "out" / "coco.json").read_text())
    ids = {"wedge": 5, "disc": 8}
    assert [one["category_id"] for one in told] == [ids[name] for name in labels if name in ids]
    assert {one["image_id"] for one in told} == {77}
    assert "does not name x.png" in refused("predict", folder(finished), photo(tmp_path / "x.png"), *out)
    assert "frames have no ids" in refused("predict", folder(finished), greys(tmp_path / "v.avi"), *out)


def frames(path: Path) -> int:
    from mfast_edge.data.video import video

    return len(list(video(path).frames()))


def test_a_video_is_drawn_and_its_frames_are_counted(finished: Path, tmp_path: Path) -> None:
    shots, out = tmp_path / "shots", tmp_path / "out"
    shots.mkdir()
    photo(shots / "p.png"), greys(shots / "clip.avi")
    told = without_torch("predict", folder(finished), shots, "--out", out, "--score", 0).splitlines()
    assert told[1].startswith("clip.avi: 12 frames, ")
    assert told[1].endswith(" FPS")
    assert frames(out / "clip.mp4") == 12
    names = [f"clip.avi#{number}" for number in range(12)]
    assert list(json.loads((out / "submission.json").read_text())["inference"]) == ["p.png", *names]
    data = json.loads((out / "detections.json").read_text())
    assert [image["file_name"] for image in data["images"]][:3] == ["p.jpg", "clip.mp4#0", "clip.mp4#1"]
    few = door("predict", folder(finished), shots / "clip.avi", "--frames", 5, "--out", tmp_path / "few")
    assert "5 frames" in few.stdout
    assert frames(tmp_path / "few" / "clip.mp4") == 5


def test_a_broken_video_is_named_and_what_can_be_read_of_it_is_drawn(finished: Path, tmp_path: Path) -> None:
    cut, out = greys(tmp_path / "cut.avi", 40, noise=True), tmp_path / "out"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (tmp_path / "text.mp4").write_text("not a video")
    said = refused("predict", folder(finished), cut, tmp_path / "text.mp4", photo(tmp_path / "p.png"), "--out", out)
    assert "cut.avi is broken after" in said
    assert "text.mp4 is not a video" in said
    assert 10 < frames(out / "cut.mp4") < 30
    assert (out / "p.jpg").is_file()


def test_a_camera_that_is_not_there_is_one_sentence(finished: Path, tmp_path: Path) -> None:
    said = refused("predict", folder(finished), "--camera", 97, "--out", tmp_path / "out")
    assert "--camera: nothing can be read from '97'" in said
    assert "no photos given" in refused("predict", folder(finished), "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Endless(SimpleHTTPRequestHandler):
    """A camera in the network: motion JPEG that does not end, one picture in a part."""

    def do_GET(self) -> None:
        import cv2

        noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
        picture = cv2.imencode(".jpg", noise)[1].tobytes()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        part = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
        try:
            while True:
                self.wfile.write(part + picture + b"\r\n")
        except OSError:
            return  # nobody looks any more

    def log_message(self, *_: object) -> None:
        return


def test_a_camera_in_the_network_is_looked_through_until_ctrl_c(finished: Path, tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address, out = f"http://127.0.0.1:{server.server_port}/live.mjpg", tmp_path / "out"
    few = door("predict", folder(finished), "--camera", address, "--frames", 4, "--out", out)
    assert f"{address}: 4 frames, " in few.stdout, few.stderr
    assert frames(out / "camera.mp4") == 4
    out = tmp_path / "long"
    words = [sys.executable, "-u", "-m", "mfast_edge.predict", folder(finished), "--camera", address, "--out", out]
    look = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert look.stdout
    try:
        assert "Ctrl-C ends it" in look.stdout.readline()
        while sum(path.stat().st_size for path in out.glob("camera.mp4")) < 30_000:
            assert look.poll() is None
            time.sleep(0.05)
        look.send_signal(signal.SIGINT)
        rest, said = look.communicate(timeout=60)
    finally:
        look.kill()
        server.shutdown()
        server.server_close()
    assert look.returncode == 0, said
    count = len(json.loads((out / "submission.json").read_text())["inference"])
    assert f"{address}: {count} frames, " in rest
    assert frames(out / "camera.mp4") == count > 4


def test_photos_of_one_name_from_two_folders_do_not_overwrite_each_other() -> None:
    paths = [Path("a/x.png"), Path("b/x.png"), Path("b/x.avi"), Path("b/y.jpg")]
    assert titles(paths) == ["x.jpg", "x-2.jpg", "x.mp4", "y.jpg"]
    assert named(paths) == ["a/x.png", "b/x.png", "x.avi", "y.jpg"]
