"""Figures of the rotated_gaussian experiment."""
