"""python -m mfast_edge: names the commands, and runs the one that is named."""

from __future__ import annotations

import sys
from importlib import import_module

from mfast_edge.door import stop

COMMANDS = {
    "compress": "a model, data and a device in; the fastest model that keeps the accuracy, and the proof, out",
    "tune": "search a space of networks and settings, on any number of machines; the winner is trained in full",
    "doctor": "what a device will refuse of a model or an ONNX file, and what to do instead, before any training",
    "network": "a network in YAML as a table of its layers, parameters and multiply-adds",
    "evaluate": "how good a run's final file, a stored candidate or weights are on any data",
    "split": "how photos would be dealt into train, val and test: the fold table; photos that are twice there",
    "convert": "a data set from one format into another",
    "crop": "the objects of a detection set as class folders, to train classifiers on",
    "predict": "draw what a run's final file finds in photos",
    "bench": "time runs, stored candidates, any ONNX file, or untrained models here, in the same rounds",
    "ablate": "one factor at a time: what each is worth in quality, time and score",
    "thresholds": "which score and overlap suit a stored candidate: a grid on val, the best told on test",
    "silver": "labels that a stored candidate makes of unlabelled photos, kept apart, and judged like a stage",
    "board": "join what a device measured to its run; stored candidates are judged again by it",
    "autopsy": "what int8 costs and pays in each block of a network",
    "suppress": "a run's graph with decoding and NMS inside it",
    "report": "write a finished run's report again",
}


def main(words: list[str]) -> None:
    """List the commands, or hand over to one."""
    if not words or words[0] in ("-h", "--help"):
        for name, what in COMMANDS.items():
            print(f"python -m mfast_edge.{name:9} {what}")
    elif words[0] in COMMANDS:
        sys.argv = [f"mfast_edge.{words[0]}", *words[1:]]
        import_module(f"mfast_edge.{words[0]}").main()
    else:
        stop(f"{words[0]!r} is not a command; known: {', '.join(COMMANDS)}", 2)


if __name__ == "__main__":
    main(sys.argv[1:])
