"""The weights that a YOLOv1's fully connected layers start from."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from mfast_edge.errors import UserError
from mfast_edge.models.yolov1.build import Build
from mfast_edge.models.yolov1.network import YOLO

SMALL = 0.01  # of weights that are to tell nothing yet


def start(network: YOLO, build: Build) -> None:
    """Boxes start in the middle of their cells, a cell's with sides of their own, sure of nothing; weights as
    `build.start` says. UserError: cells, and fewer hidden features than cells."""
    for layer in (network.box, network.classify):
        nn.init.normal_(layer.weight, std=SMALL)
    sides = [(number + 1) / (build.boxes + 1) for number in range(build.boxes)]
    told = torch.tensor([[0.5, 0.5, side, side, 0.0] for side in sides]).flatten()
    network.box.bias.data.copy_(told.repeat(network.cells))
    nn.init.constant_(network.classify.bias, 1 / network.classes)
    own = network.hidden.out_features // network.cells  # features of each cell
    if build.start == "cells":
        if not own:
            raise UserError(
                f"model.start: cells given, and {network.hidden.out_features} hidden features are fewer than the "
                f"{network.cells} cells; a larger model.hidden, or start=random, would be right"
            )
        local(network, own)


def local(network: YOLO, own: int) -> None:
    """Every cell has `own` hidden features that read it alone, and outputs that read these: one small network, the
    same in all cells, as a 1x1 convolution would be. So a neck learns from every cell what all of them understand;
    training is free to tell them apart and to look around."""
    cells, channels = network.cells, network.channels
    reads = torch.randn(own, channels) * sqrt(2 / channels)
    with torch.no_grad():
        hidden = network.hidden.weight[: own * cells].view(cells, own, channels, cells)
        hidden.zero_()
        for cell in range(cells):
            hidden[cell, :, :, cell] = reads
        network.hidden.bias.zero_()
        for layer in (network.box, network.classify):
            rows = layer.weight.view(cells, -1, layer.in_features)
            told = torch.randn(rows.shape[1], own) * sqrt(1 / own) * SMALL * 10
            place(rows, told, own)


def place(rows: Tensor, told: Tensor, own: int) -> None:
    """`told` (outputs of a cell, own) into the part of (cells, outputs of a cell, features) that reads the cell."""
    rows.zero_()
    for cell in range(len(rows)):
        rows[cell, :, cell * own : (cell + 1) * own] = told
