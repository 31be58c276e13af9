"""Security review: rules as data, taint inside a file, findings. Pure but for `rulebook`, which reads its own data."""
