"""tiny: the same SSD on five thin blocks at 96 px, for tests that must be fast."""

from mfast_edge.models.ssd.build import Build, Side, Width
from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.mobilenet import MobileNet


class Small(Build):
    """An SSD's settings with small defaults."""

    size: Side = 96
    width: Width = 0.5
    scale_low: float = 0.25


MODEL = Detector("tiny", Small, MobileNet((5,), ((64, 128), (64, 128)), 8))
