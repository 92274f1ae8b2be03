"""Models by name: MODELS maps a name to the module that describes it; listing them loads nothing."""

MODELS = {
    "centernet": "mfast_edge.models.centernet.detector",
    "classifier": "mfast_edge.models.classifier.classifier",
    "ssd_mbv1": "mfast_edge.models.ssd.mbv1",
    "ssd_mbv2": "mfast_edge.models.ssd.mbv2",
    "ssd_mbv3": "mfast_edge.models.ssd.mbv3",
    "ssd_net": "mfast_edge.models.ssd.net",
    "ssd_vgg16": "mfast_edge.models.ssd.vgg16",
    "tiny": "mfast_edge.models.ssd.tiny",
    "yolov1": "mfast_edge.models.yolov1.detector",
    "yolo9000": "mfast_edge.models.yolo9000.detector",
}
