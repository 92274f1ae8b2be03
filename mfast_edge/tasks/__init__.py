"""What a model is for: detect."""
