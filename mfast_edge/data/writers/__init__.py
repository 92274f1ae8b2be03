"""Formats that a data set can be written in, by name: a module with PHOTOS, SIZED, IGNORES and write(copy, root)."""

WRITERS = {
    "voc": "mfast_edge.data.writers.voc",
    "coco": "mfast_edge.data.writers.coco",
    "yolo": "mfast_edge.data.writers.yolo",
    "kitti": "mfast_edge.data.writers.kitti",
}
