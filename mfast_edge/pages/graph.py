"""What the report of somebody else's graph says: how near its outputs stay, never how well it finds."""

from __future__ import annotations

from mfast_edge.pages.tables import Table, joined, speed
from mfast_edge.pages.view import Json, Told, View, found, measured, proxy, run
from mfast_edge.pages.waterfall import Measure, waterfall
from mfast_edge.proxy import word

UNKNOWN = (
    "How this graph's outputs are decoded is not known here, so no mAP is measured: what is compared are its raw "
    "outputs and those of the file that was given."
)


def view(told: Told) -> View:
    """Everything that the report says."""
    final, page = told.final, told.page
    ms = word(final["proxy"])
    columns = (Measure("p50_ms", ms, 2, False), Measure("cosine", "cosine", 5, True), Measure("mb", "MB", 2, False))
    return View(
        title=f"{final['model']} for {page['target']}",
        proxy=proxy(final, page),
        headline=headline(final),
        gates=final["gates"],
        columns=columns,
        waterfall=list(zip(final["rows"], waterfall(final["rows"], columns), strict=True)),
        tables=[stages(final), *(speed(results) for results in told.results)],
        curve=None,
        run=run(final, page),
        findings=found(told.findings),
        photos=[],
        drawn=UNKNOWN,
    )


def headline(final: Json) -> list[tuple[str, str]]:
    """File, time, likeness, what the graph takes."""
    same, given = final["metrics"]["likeness"], final["given"]
    times = [f"{ms:.2f} ms in {name} (given: {given['ms'][name]:.2f})" for name, ms in final["ms"].items()]
    near = f"cosine {same['cosine']:.5f}, of its worst channel {same['channel']:.4f}, {same['images']:.0f} test photos"
    return [
        ("Final file", f"{final['file']}, {final['mb']:.2f} MB (given: {given['mb']:.2f} MB)"),
        ("Forward, proxy" if final["proxy"] else "Forward", "; ".join(times)),
        ("Raw outputs", f"{near}; largest difference {same['max_abs']:.4g}"),
        ("Takes", f"{final['graph']['input']}"),
        *measured(final),
    ]


def stages(final: Json) -> Table:
    """A line per stage, rolled-back ones too."""
    rows = [
        [
            row["stage"],
            f"{row['cosine']:.5f}",
            f"{row['channel']:.4f}",
            f"{row['max_abs']:.4g}",
            f"{row['mb']:.2f}",
            *(f"{ms:.2f}" for ms in row["forward_ms"].values()),
            "kept" if row["keep"] else "rolled back",
        ]
        for row in final["rows"]
    ]
    times = [f"{name} {word(final['proxy'])}" for name in final["ms"]]
    head = ["Stage", "Cosine", "Worst channel", "Largest difference", "MB", *times, ""]
    return Table("Stages (raw outputs on val, against the file that was given)", *joined(final, head, rows))
