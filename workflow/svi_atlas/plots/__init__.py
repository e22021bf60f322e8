"""Figures: the `draw` of each module takes tables, named by its parameters, and returns a Figure.

Nothing is computed here: what a figure shows is in the tables of `results/` or made by `analysis/`.
"""
