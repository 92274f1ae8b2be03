"""CenterNet: objects as points of a heatmap, with a size and an offset at each."""
