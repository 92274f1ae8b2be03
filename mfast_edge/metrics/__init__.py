"""Predictions next to truths: average precision, F1, paired intervals."""
