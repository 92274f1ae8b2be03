"""What can be done to a candidate: STAGES maps a name to the module that holds it; listing them loads nothing."""

STAGES = {
    "adopt": "mfast_edge.stages.adopt",
    "train": "mfast_edge.stages.train",
    "refit": "mfast_edge.stages.refit",
    "decompose": "mfast_edge.stages.decompose",
    "prune": "mfast_edge.stages.prune",
    "distill": "mfast_edge.stages.distill",
    "qat": "mfast_edge.stages.qat",
    "export_onnx": "mfast_edge.stages.export_onnx",
    "cast_fp16": "mfast_edge.stages.cast_fp16",
    "quantize": "mfast_edge.stages.quantize",
    "build_engine": "mfast_edge.stages.build_engine",
}
