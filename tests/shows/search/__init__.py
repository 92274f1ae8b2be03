"""What a search finds, and how soon: the parts of benchmarks/tables/search.json."""
