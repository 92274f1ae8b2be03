"""Search over named settings: spaces, studies, Pareto fronts. Knows numbers, not networks."""
