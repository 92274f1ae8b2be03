"""compress for somebody else's ONNX files."""
