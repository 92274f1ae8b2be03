"""Graphs and files: ONNX, int8, sessions, parity, lint. Knows no detectors."""
