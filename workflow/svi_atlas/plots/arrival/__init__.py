"""Figures of the experiment arrival."""
