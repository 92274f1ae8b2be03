"""Long comparisons, run by make, that a Show quotes."""
