"""Figures of the bimodal experiment."""
