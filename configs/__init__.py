"""Plans, targets, runtimes, data facts, networks and search spaces, as YAML."""
