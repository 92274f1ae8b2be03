"""ssd_mbv1: SSD on MobileNet v1; maps 19 10 5 3 2 1 and 1917 anchors at 300 px."""

from mfast_edge.models.ssd.build import Build
from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.mobilenet import MobileNet

MODEL = Detector("ssd_mbv1", Build, MobileNet((11, 13), ((256, 512), (128, 256), (128, 256), (64, 128)), 16))
