"""A module of your own beside the problem file: the problem file can import it."""

START = 0.0
"""Where the location of the guide `wide` starts."""
