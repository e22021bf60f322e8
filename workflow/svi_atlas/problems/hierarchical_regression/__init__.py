"""A regression with one line per group."""
