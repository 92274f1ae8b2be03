"""Small networks with what detectors have: SAME padding, depthwise convolutions, batch norms, two heads."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class Same(nn.Conv2d):
    """TensorFlow's SAME padding, asymmetric where the size is even and the stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for size in (int(x.shape[3]), int(x.shape[2])):
            total = max((-(-size // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, pads))


def block(inside: int, outside: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = Same(inside, outside, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU6())


class Net(nn.Module):
    """(N, 3, H, W) RGB 0..255 → boxes (N, cells, 4), scores (N, cells, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(block(3, 16, 3, 2), block(16, 16, 3, 2, 16), block(16, 32, 1), nn.Identity())
        self.boxes, self.scores = nn.Conv2d(32, 4, 1), nn.Conv2d(32, 3, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body((x - 128) / 128)
        boxes = self.boxes(x).permute(0, 2, 3, 1)
        scores = self.scores(x).permute(0, 2, 3, 1)
        return boxes.reshape(x.shape[0], -1, 4), torch.cat([scores.reshape(x.shape[0], -1, 3)], 1)


def built(kind: Callable[[], nn.Module]) -> nn.Module:
    """A network in eval mode, with weights of a fixed seed and batch norms that have something to fold."""
    torch.manual_seed(0)
    network = kind()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()  # type: ignore[union-attr, operator]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
    return network.eval()


def images(count: int, size: int = 64) -> list[np.ndarray]:
    """Noise over the whole range of pixels, float32 (1, 3, size, size)."""
    draw = np.random.default_rng(1)
    return [draw.uniform(0, 255, (1, 3, size, size)).astype(np.float32) for _ in range(count)]
