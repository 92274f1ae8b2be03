"""SSD: anchors on six maps, box and class heads, the multibox loss."""
