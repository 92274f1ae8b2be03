"""Photos and what is on them: formats, splits, the data report, augmentation, loading."""
