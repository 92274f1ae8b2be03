"""A classifier: one class for the whole photo, by a network written in YAML."""
