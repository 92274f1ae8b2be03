"""compress for an ONNX file of any origin: what needs no training, judged by raw outputs."""
