"""ssd_vgg16: SSD300 on VGG16; maps 38 19 10 5 3 1 and 8732 anchors at 300 px."""

from mfast_edge.models.ssd.detector import Detector
from mfast_edge.models.ssd.vgg import Paper, Vgg

MODEL = Detector("ssd_vgg16", Paper, Vgg())
