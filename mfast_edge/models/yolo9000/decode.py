"""YOLO9000's raw outputs to boxes and scores, numpy only: the same file on every runtime and board."""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np


def anchors(side: int, shapes: Sequence[Sequence[float]]) -> np.ndarray:
    """(N, 4) row, column, h, w: each cell's place, in cells, and its anchors in parts of the image, cell by cell."""
    row, column, which = np.meshgrid(np.arange(side), np.arange(side), np.arange(len(shapes)), indexing="ij")
    place = np.stack([row.ravel(), column.ravel()], 1)
    return np.concatenate([place, np.array(shapes, np.float64)[which.ravel()]], 1).astype(np.float32)


def spans(parents: Sequence[int]) -> List[Tuple[int, int]]:
    """First and end of every group of logits with the same parent, from the top down."""
    starts = [row for row in range(len(parents)) if row == 0 or parents[row] != parents[row - 1]]
    return list(zip(starts, starts[1:] + [len(parents)]))


def ready(facts: Dict[str, Any]) -> Dict[str, Any]:
    """The facts with the anchors worked out once, the score threshold as a logit, the tree's groups and depths."""
    score, parents = facts["score_threshold"], facts["parents"]
    depths = []  # type: List[int]
    for parent in parents or ():
        depths.append(1 if parent < 0 else depths[parent] + 1)
    return dict(
        facts,
        anchors=anchors(facts["maps"][0], facts["shapes"][0]),
        logit_threshold=float(np.log(score / (1 - score))),
        spans=spans(parents) if parents else None,
        depths=np.array(depths),
    )


def decode(outputs: Sequence[np.ndarray], facts: Dict[str, Any]) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) x1 y1 x2 y2 in 0..1 and scores (N, classes) of the anchors whose best score counts.

    A score is objectness times the class's probability. Of more than `candidates` only the best are unpacked,
    and the last one's equals.

    `outputs`: box codes (1, anchors, 4) ty tx th tw, objectness (1, anchors, 1), logits (1, anchors, nodes of the
    tree); facts from `ready`.
    """
    codes, objects, logits = outputs[0][0], outputs[1][0][:, 0], outputs[2][0]
    rows = np.flatnonzero(objects >= facts["logit_threshold"])  # no probability makes a score larger
    scores = classes(logits[rows], facts) * sigmoid(objects[rows])[:, None]
    best = scores.max(1)
    chosen = np.flatnonzero(best >= facts["score_threshold"])
    count = facts["candidates"]
    if len(chosen) > count:
        chosen = chosen[best[chosen] >= -np.partition(-best[chosen], count - 1)[count - 1]]
    rows = rows[chosen]
    return unpack(codes[rows], facts["anchors"][rows], facts["maps"][0]), scores[chosen]


def classes(logits: np.ndarray, facts: Dict[str, Any]) -> np.ndarray:
    """(N, nodes) logits → (N, classes) probabilities, given that there is an object."""
    if facts["spans"] is None:
        return sigmoid(logits[:, facts["nodes"]])
    whole = multiplied(conditional(logits, facts["spans"]), facts)
    if facts["walk"] is None:
        return whole[:, facts["nodes"]]
    return walked(whole, facts)


def conditional(logits: np.ndarray, groups: Sequence[Tuple[int, int]]) -> np.ndarray:
    """Each node's probability given its parent: a softmax over its siblings (Redmon 2017, section 4)."""
    found = np.empty_like(logits)
    for first, end in groups:
        part = np.exp(logits[:, first:end] - logits[:, first:end].max(1, keepdims=True))
        found[:, first:end] = part / part.sum(1, keepdims=True)
    return found


def multiplied(given: np.ndarray, facts: Dict[str, Any]) -> np.ndarray:
    """Each node's own probability: the product of the conditional ones from the top down to it."""
    whole = given.copy()
    for first, end in facts["spans"]:
        if facts["parents"][first] >= 0:
            whole[:, first:end] *= whole[:, [facts["parents"][first]]]
    return whole


def walked(whole: np.ndarray, facts: Dict[str, Any]) -> np.ndarray:
    """(N, classes): the probability of the last class that is reached, 0 for all others.

    From the top down the likeliest child, as long as its probability is `walk` at least (section 4).
    """
    reached = np.zeros(whole.shape, bool)
    everyone = np.arange(len(whole))
    for first, end in facts["spans"]:
        best = first + whole[:, first:end].argmax(1)
        parent = facts["parents"][first]
        above = reached[:, parent] if parent >= 0 else True
        reached[everyone, best] = above & (whole[everyone, best] >= facts["walk"])
    depth = (reached * facts["depths"])[:, facts["nodes"]]
    last = (depth > 0) & (depth == depth.max(1, keepdims=True))
    return whole[:, facts["nodes"]] * last


def unpack(codes: np.ndarray, base: np.ndarray, side: int) -> np.ndarray:
    """(N, 4) box codes on (N, 4) anchors of a map → x1 y1 x2 y2 (Redmon 2017, section 2, direct location)."""
    centre = (sigmoid(codes[:, :2]) + base[:, :2]) / np.float32(side)
    half = np.exp(np.minimum(codes[:, 2:], 4)) * base[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], 1)[:, [1, 0, 3, 2]]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), without overflow."""
    return 1 / (1 + np.exp(-np.maximum(x, -80)))
