"""Every model of the zoo, small: built, folded, called in 16 bits, exported with its norms and without, in int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.sessions import open_session
from export.shape import feeds, inputs, normed, precision
from mfast_edge.models import MODELS
from mfast_edge.ways import Way, folded, prepare
from mfast_edge.zoo import Order, exported, fresh
from tests.contracts.test_rebuild import SMALL


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_can_be_called_in_every_form(name: str, tmp_path: Path) -> None:
    made = fresh(name, Order("particles:12x96", SMALL[name]), tmp_path)
    image = torch.from_numpy(made.photos[0])
    network, done, norms = folded(made.network, image)
    assert 0 < done <= norms
    found = prepare(network, image, Way("eager", "bfloat16", True))
    assert (set(found.calls), found.remark) == ({"forward", "forward_backward"}, "")
    files = exported(made, tmp_path)
    assert {kind: (normed(file), precision(file)) for kind, file in files.items()} == {
        "norms": (True, "float32"),
        "folded": (done < norms, "float32"),
        "int8": (done < norms, "int8"),
    }
    with torch.inference_mode():
        outputs = [out.numpy() for out in made.network(image)]
    for kind in ("norms", "folded"):
        got = open_session(files[kind], "onnxruntime")(made.photos[0])
        for right, out in zip(outputs, got, strict=True):
            np.testing.assert_allclose(out, right, atol=1e-3 * max(1.0, float(np.abs(right).max())))
    session = open_session(files["int8"], "onnxruntime")
    sizes = {key: tuple(size or 1 for size in own) for key, (own, _) in inputs(files["int8"]).items()}
    assert session.feed is not None
    assert [out.shape for out in session.feed(feeds(files["int8"], sizes))] == [out.shape for out in outputs]


def test_the_same_weights_are_drawn_each_time(tmp_path: Path) -> None:
    one, other = (fresh("tiny", Order("particles:12x96", {}), tmp_path).network.state_dict() for _ in range(2))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
