"""A module beside the problem file, which the problem file can import."""

START = 0.0
"""Initial location of the guide `wide`."""
