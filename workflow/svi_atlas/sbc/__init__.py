"""Simulation-based calibration: data sets from the prior predictive, refits, rank statistics."""
