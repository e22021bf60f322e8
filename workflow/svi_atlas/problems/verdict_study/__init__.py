"""Densities with known answers, to measure how often a verdict is wrong."""
