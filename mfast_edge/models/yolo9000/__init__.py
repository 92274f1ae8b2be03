"""YOLO9000 (Redmon 2017): anchors fitted to the data, a passthrough, scores down a tree of classes."""
