"""YOLOv1: a grid of cells, each with boxes and one class, told by fully connected layers."""
