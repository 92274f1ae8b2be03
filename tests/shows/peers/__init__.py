"""The same float networks through other people's tools and through ours: one table, timed in one run."""
