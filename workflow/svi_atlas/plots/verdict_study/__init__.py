"""Figures of the verdict study."""
