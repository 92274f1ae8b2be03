"""Feature extractors and the published weights for them."""
